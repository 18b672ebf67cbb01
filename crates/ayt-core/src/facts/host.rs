//! All facts of one look at a host, with the indexes that rules need.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Cookie, Counters, Inside, Namespace, NsId, Owner, Owners, Process, Socket, Thread};
use crate::fact::{Fact, Partial, Why};
use crate::keepalive::Keepalive;
use crate::tcp_state::TcpState;
use crate::verdict::Verdict;

/// What a look gathered; [`HostFacts::new`] adds the indexes.
#[derive(Debug, Clone, Default)]
pub struct HostParts {
    /// Namespaces that were entered, in the order of their ids.
    pub namespaces: Vec<Namespace>,
    /// Sockets of all of them.
    pub sockets: Vec<Socket>,
    /// Who holds which socket.
    pub owners: Owners,
    /// Processes that hold sockets.
    pub processes: BTreeMap<u32, Process>,
    /// Exact keepalive settings, where they were asked.
    pub keepalive: FxHashMap<Cookie, Fact<Keepalive>>,
    /// Verdicts of a probe, where one ran.
    pub verdicts: FxHashMap<Cookie, Verdict>,
    /// A second look, where one was taken.
    pub second_look: Option<SecondLook>,
    /// What the threads of some processes are blocked in.
    pub threads: BTreeMap<u32, Fact<Vec<Thread>>>,
    /// Descriptors on TCP sockets that are in no socket table; `Unknown` where
    /// that was not looked at.
    pub dead_held: Option<Fact<Vec<DeadHeld>>>,
    /// What `ayt why` looked at closer.
    pub inside: Inside,
    /// What could not be seen.
    pub partial: Vec<Partial>,
}

/// A descriptor whose connection is in no socket table: it has ended, and its
/// owner still holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadHeld {
    /// The descriptor.
    pub owner: Owner,
    /// This side of the former connection, where the kernel still knows it.
    pub local: Option<SocketAddr>,
    /// An error waits that the owner has not taken: it was not told to the
    /// program yet.
    pub error_waiting: bool,
}

/// The same host a little later: only what a second look is for.
#[derive(Debug, Clone, Default)]
pub struct SecondLook {
    /// How long after the first.
    pub after: Duration,
    /// Connections in accept queues, and listeners, as they are now, by cookie.
    pub sockets: FxHashMap<Cookie, Socket>,
    /// Counters by namespace.
    pub counters: FxHashMap<NsId, Counters>,
}

/// All facts of one look.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    parts: HostParts,
    listeners: FxHashMap<(NsId, u16), Vec<usize>>,
    addresses: FxHashSet<(NsId, IpAddr)>,
}

impl std::ops::Deref for HostFacts {
    type Target = HostParts;

    fn deref(&self) -> &HostParts {
        &self.parts
    }
}

impl HostFacts {
    /// Builds the indexes.
    #[must_use]
    pub fn new(parts: HostParts) -> Self {
        let mut listeners: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        let mut addresses = FxHashSet::default();
        for (at, socket) in parts.sockets.iter().enumerate() {
            if socket.state == TcpState::Listen {
                let key = (socket.ns, socket.local.port());
                listeners.entry(key).or_default().push(at);
            } else {
                addresses.insert((socket.ns, socket.local.ip().to_canonical()));
            }
        }
        Self {
            parts,
            listeners,
            addresses,
        }
    }

    /// The parts back, to add to them and index anew.
    #[must_use]
    pub fn into_parts(self) -> HostParts {
        self.parts
    }

    /// The namespace of a socket.
    #[must_use]
    pub fn namespace(&self, id: NsId) -> Option<&Namespace> {
        self.namespaces.get(usize::from(id.0))
    }

    /// Descriptors on a socket.
    #[must_use]
    pub fn owners_of(&self, socket: &Socket) -> &[Owner] {
        self.owners.of(socket.inode)
    }

    /// The process of an owner, where it could be seen.
    #[must_use]
    pub fn process(&self, owner: &Owner) -> Option<&Process> {
        self.processes.get(&owner.pid)
    }

    /// Exact keepalive settings of a socket.
    #[must_use]
    pub fn keepalive_of(&self, socket: &Socket) -> Fact<Keepalive> {
        self.keepalive
            .get(&socket.cookie)
            .cloned()
            .unwrap_or(Fact::Unknown(Why::NotAsked))
    }

    /// What a probe said of a socket, where one ran.
    #[must_use]
    pub fn verdict_of(&self, socket: &Socket) -> Option<&Verdict> {
        self.verdicts.get(&socket.cookie)
    }

    /// The listener a connection came in by: same namespace and port, and the
    /// address it is bound to before a wildcard. Of two that fit, the one of the
    /// connection's own family: a connection that came in by an IPv6 socket is
    /// shown with a mapped address, so `0.0.0.0:80` and `[::]:80` are told apart.
    #[must_use]
    pub fn listener_of(&self, socket: &Socket) -> Option<&Socket> {
        let candidates = self.listeners.get(&(socket.ns, socket.local.port()))?;
        let own = socket.local.ip().to_canonical();
        let fit = |listener: &Socket| {
            let bound = listener.local.ip().to_canonical();
            let any = bound.is_unspecified() && (listener.local.is_ipv6() || own.is_ipv4());
            (bound == own || any).then_some((
                bound != own,
                listener.local.is_ipv6() != socket.local.is_ipv6(),
            ))
        };
        candidates
            .iter()
            .filter_map(|&at| self.sockets.get(at))
            .filter_map(|listener| Some((fit(listener)?, listener)))
            .min_by_key(|&(rank, _)| rank)
            .map(|(_, listener)| listener)
    }

    /// The peer is on this very host and namespace: it cannot vanish without
    /// its kernel telling ours.
    #[must_use]
    pub fn peer_is_local(&self, socket: &Socket) -> bool {
        let peer = socket.remote.ip().to_canonical();
        peer.is_loopback() || self.addresses.contains(&(socket.ns, peer))
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::sample::{Sample, socket};
    use crate::tcp_state::TcpState;

    #[test]
    fn a_connection_finds_its_listener_by_address_then_by_family() {
        let listener = |cookie, local| socket(cookie, TcpState::Listen, local, "0.0.0.0:0");
        let facts = Sample::new()
            .owned(listener(1, "[::]:80"), 1, "a", 3)
            .owned(listener(2, "0.0.0.0:80"), 2, "b", 3)
            .owned(listener(3, "10.0.0.9:80"), 3, "c", 3)
            .owned(listener(4, "[::]:81"), 4, "d", 3)
            .facts();
        for (local, cookie) in [
            ("10.0.0.1:80", Some(2)),
            ("[::ffff:10.0.0.1]:80", Some(1)),
            ("10.0.0.9:80", Some(3)),
            ("[fd00::1]:80", Some(1)),
            ("10.0.0.1:81", Some(4)),
            ("10.0.0.1:82", None),
        ] {
            let connection = socket(9, TcpState::Established, local, "10.0.0.2:4000");
            let found = facts.listener_of(&connection).map(|found| found.cookie.0);
            assert_eq!(found, cookie, "{local}");
        }
    }
}
