//! A first look at each connection through a duplicate of its descriptor: is it
//! still the same, what are its settings, which engine may ask it.

use ayt_core::fact::Why;
use ayt_core::facts::{HostFacts, Owner, Socket, TcpInfo};
use ayt_core::keepalive::Keepalive;
use ayt_core::probe::Refusal;
use ayt_core::probe::engine::{Askable, Engine, choose};
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_sys::{Descriptors, SysError, have_net_admin};

use super::engines::keepalive::IDLE_S;
use super::{Answer, Probe};
use crate::collect::{why, without_owner};
use crate::spread::spread;

/// Fewer connections than this are looked at by one thread.
const ALONE: usize = 1_000;

/// A connection that may be asked.
#[derive(Debug, Clone)]
pub(super) struct Ready<'f> {
    pub(super) socket: &'f Socket,
    /// The descriptor through which it was looked at.
    pub(super) owner: Owner,
    /// All descriptors that led to it at the look.
    owners: &'f [Owner],
    pub(super) engine: Engine,
    pub(super) state: TcpState,
    /// Settings before anything was touched.
    pub(super) keepalive: Keepalive,
    /// `SO_REUSEADDR` before anything was touched.
    pub(super) reuse: bool,
    /// TCP's account at this look.
    pub(super) info: TcpInfo,
}

impl<'f> Ready<'f> {
    /// The descriptors that lead to it, first the one that did so last.
    pub(super) fn holders(&self) -> impl Iterator<Item = &Owner> + use<'_, 'f> {
        let first = std::iter::once(&self.owner);
        first.chain(self.owners.iter().filter(|&other| *other != self.owner))
    }
}

/// What a look said of one connection.
pub(super) enum Inspected<'f> {
    Ready(Ready<'f>),
    Not(Answer),
}

/// Looks at all connections.
pub(super) fn all<'f>(
    facts: &'f HostFacts,
    sockets: &[&'f Socket],
    how: &Probe,
) -> Vec<Inspected<'f>> {
    let net_admin = have_net_admin();
    spread(sockets, ALONE, |sockets| {
        let mut descriptors = Descriptors::default();
        sockets
            .iter()
            .map(|socket| inspect(&mut descriptors, facts, socket, how, net_admin))
            .collect()
    })
}

/// The answer for a connection that cannot be asked.
pub(super) fn unasked(socket: &Socket, why: Why) -> Answer {
    Answer {
        cookie: socket.cookie,
        verdict: Verdict::Unknown(why),
        engine: None,
        asks: 0,
        pinned: Vec::new(),
        probes_raised: 0,
    }
}

fn inspect<'f>(
    descriptors: &mut Descriptors,
    facts: &'f HostFacts,
    socket: &'f Socket,
    how: &Probe,
    net_admin: bool,
) -> Inspected<'f> {
    let not = |reason| Inspected::Not(unasked(socket, reason));
    let owners = facts.owners_of(socket);
    if owners.is_empty() {
        return not(without_owner(socket));
    }
    let mut reason = Why::Vanished;
    for owner in owners {
        match look_through(descriptors, socket, owner, net_admin) {
            Ok(Some((askable, reuse))) => {
                return match choose(&askable, how.engine).or_else(|no| perhaps(no, &askable)) {
                    Ok(engine) => Inspected::Ready(Ready {
                        socket,
                        owner: *owner,
                        owners,
                        engine,
                        state: askable.state,
                        keepalive: askable.keepalive,
                        reuse,
                        info: askable.tcp,
                    }),
                    Err(refusal) => not(refusal.why()),
                };
            }
            Ok(None) => {}
            Err(error) => reason = why(owner, &error),
        }
    }
    not(reason)
}

/// What looks like the owner's keepalive may be another ayt in the midst of an
/// ask; under the lock it is judged again.
fn perhaps(refusal: Refusal, connection: &Askable) -> Result<Engine, Refusal> {
    if refusal == Refusal::OwnKeepalive && connection.keepalive.idle_s == IDLE_S {
        Ok(Engine::Keepalive)
    } else {
        Err(refusal)
    }
}

/// What one descriptor shows; `None` when it leads to another socket now.
fn look_through(
    descriptors: &mut Descriptors,
    socket: &Socket,
    owner: &Owner,
    net_admin: bool,
) -> Result<Option<(Askable, bool)>, SysError> {
    let hold = descriptors.hold(owner)?;
    // A number that leads to something else by now need not even be a socket.
    if hold.cookie().ok() != Some(socket.cookie) {
        // The cookie of a Multipath TCP descriptor is not that of its subflow.
        return Ok(hold.is_multipath_tcp().then(|| (multipath(socket), false)));
    }
    let (state, tcp) = hold.tcp_info()?;
    if state == TcpState::Closed {
        return Ok(None);
    }
    let askable = Askable {
        state,
        tcp,
        keepalive: hold.keepalive()?,
        send_queue: tcp.notsent_bytes.unwrap_or(socket.send_queue),
        in_repair: hold.in_repair()?,
        plain_tcp: true,
        net_admin,
    };
    Ok(Some((askable, hold.reuse_address()?)))
}

fn multipath(socket: &Socket) -> Askable {
    Askable {
        state: socket.state,
        tcp: TcpInfo::default(),
        keepalive: Keepalive {
            enabled: false,
            idle_s: 0,
            interval_s: 0,
            count: 0,
            user_timeout_ms: 0,
        },
        send_queue: 0,
        in_repair: false,
        plain_tcp: false,
        net_admin: false,
    }
}
