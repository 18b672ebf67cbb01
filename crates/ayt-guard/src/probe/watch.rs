//! Watching for answers: the accounts of the sockets asked, and raw sockets that
//! see RST and ICMP.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ayt_core::fact::Partial;
use ayt_core::facts::{NsId, Socket, TcpInfo};
use ayt_core::tcp_state::TcpState;
use ayt_sys::wire::diag;
use ayt_sys::wire::packet::{FourTuple, Sighting};
use ayt_sys::wire::request::SocketName;
use ayt_sys::{NoSocket, SysError, Witness};
use rustc_hash::FxHashMap;

use super::raw::Raw;
use crate::places::Place;

/// A namespace being watched.
pub(super) struct Post {
    place: Place,
    witness: Option<Witness>,
    /// The raw engine's sockets, once it has asked here.
    pub(super) raw: Option<Raw>,
}

/// What a look at one socket showed.
pub(super) enum Look {
    /// It is there.
    There(TcpState, TcpInfo),
    /// Its owner has closed it: the kernel finishes it.
    Closing,
    /// It is in no table.
    Gone,
    /// The kernel would not say.
    Failed(String),
}

/// What a look at a socket that the raw engine asks showed.
pub(super) enum Row {
    /// It is there.
    There {
        state: TcpState,
        /// None for what is left of a connection in FIN_WAIT_2.
        tcp: Option<TcpInfo>,
        /// Bytes sent and not acknowledged, or not yet sent.
        in_flight: u32,
    },
    /// It has ended, or has no peer any more.
    Gone,
    /// The kernel would not say.
    Failed(String),
}

impl Post {
    /// Sets up the watch. Without CAP_NET_RAW there is no witness: RST and ICMP
    /// are then known only by what the kernel does on them.
    pub(super) fn new(place: Place, partial: &mut Vec<Partial>) -> Self {
        let witness = match Witness::open(&place.ns) {
            Ok(witness) => Some(witness),
            Err(error) => {
                let gap = Partial {
                    what: "ICMP answers of routers cannot be seen: `unreachable` shows as \
                           `unanswered`"
                        .to_owned(),
                    why: error.to_string(),
                    remedy: "run as root or grant CAP_NET_RAW".to_owned(),
                };
                if !partial.contains(&gap) {
                    partial.push(gap);
                }
                None
            }
        };
        Self {
            place,
            witness,
            raw: None,
        }
    }

    /// Looks at sockets; gives each one's index in `sockets` and what is seen.
    pub(super) fn look(&mut self, sockets: &[&Socket]) -> Result<Vec<(usize, Look)>, SysError> {
        let mut looks = Vec::with_capacity(sockets.len());
        let names: Vec<SocketName> = sockets.iter().map(|&socket| socket.into()).collect();
        self.place.diag.get_many(&names, |at, answer| {
            let look = match answer {
                Ok(payload) => match diag::socket(payload, sockets[at].ns) {
                    Ok(Some(found)) => match (found.state, found.tcp) {
                        (state, Some(tcp)) if state.can_be_asked() => Look::There(state, tcp),
                        _ => Look::Closing,
                    },
                    Ok(None) => Look::Gone,
                    Err(error) => Look::Failed(error.to_string()),
                },
                Err(NoSocket::Gone) => Look::Gone,
                Err(NoSocket::Replaced) => Look::Closing,
                Err(NoSocket::Failed(error)) => Look::Failed(error.to_string()),
            };
            looks.push((at, look));
        })?;
        Ok(looks)
    }

    /// Looks at sockets that the raw engine asks, whatever their state.
    pub(super) fn rows(&mut self, sockets: &[&Socket]) -> Result<Vec<(usize, Row)>, SysError> {
        let mut rows = Vec::with_capacity(sockets.len());
        let names: Vec<SocketName> = sockets.iter().map(|&socket| socket.into()).collect();
        self.place.diag.get_many(&names, |at, answer| {
            let row = match answer {
                Ok(payload) => match diag::socket(payload, sockets[at].ns) {
                    Ok(Some(found)) if found.state.has_peer() => Row::There {
                        state: found.state,
                        tcp: found.tcp,
                        in_flight: found.send_queue,
                    },
                    Ok(_) => Row::Gone,
                    Err(error) => Row::Failed(error.to_string()),
                },
                Err(NoSocket::Gone | NoSocket::Replaced) => Row::Gone,
                Err(NoSocket::Failed(error)) => Row::Failed(error.to_string()),
            };
            rows.push((at, row));
        })?;
        Ok(rows)
    }

    /// The raw engine's sockets in this namespace, opened at the first call.
    pub(super) fn open_raw(&mut self) -> Result<&mut Raw, SysError> {
        let raw = match self.raw.take() {
            Some(raw) => raw,
            None => Raw::open(&self.place.ns)?,
        };
        Ok(self.raw.insert(raw))
    }

    /// No RST can have come in unseen.
    pub(super) fn sees_all(&self) -> bool {
        self.witness
            .as_ref()
            .is_some_and(|witness| !witness.has_lost())
    }

    /// RSTs are seen at all.
    pub(super) const fn sees_resets(&self) -> bool {
        self.witness.is_some()
    }

    /// What the raw sockets have seen since.
    pub(super) fn sightings(&self, sink: impl FnMut(Sighting)) {
        if let Some(witness) = &self.witness {
            witness.drain(sink);
        }
    }
}

/// Finds the connection a sighting is about.
#[derive(Debug, Default)]
pub(super) struct Index(FxHashMap<(NsId, SocketAddr, u16), Vec<usize>>);

impl Index {
    /// Indexes connections by namespace, peer and local port.
    pub(super) fn new<'s>(sockets: impl Iterator<Item = &'s Socket>) -> Self {
        let mut index = Self::default();
        for (at, socket) in sockets.enumerate() {
            let key = (socket.ns, canonical(socket.remote), socket.local.port());
            index.0.entry(key).or_default().push(at);
        }
        index
    }

    /// The connections of these addresses.
    pub(super) fn find<'a>(
        &'a self,
        ns: NsId,
        about: &FourTuple,
        socket_of: impl Fn(usize) -> &'a Socket + 'a,
    ) -> impl Iterator<Item = usize> + 'a {
        let key = (ns, canonical(about.remote), about.local.port());
        let local = about.local.ip().to_canonical();
        self.0
            .get(&key)
            .into_iter()
            .flatten()
            .copied()
            .filter(move |&at| {
                local.is_unspecified() || socket_of(at).local.ip().to_canonical() == local
            })
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

/// The posts of all namespaces.
pub(super) type Posts = BTreeMap<NsId, Post>;
