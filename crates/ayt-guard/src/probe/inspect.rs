//! A first look at each connection through a duplicate of its descriptor: is it
//! still the same, what are its settings, which engine may ask it.

use ayt_core::fact::Why;
use ayt_core::facts::{HostFacts, Owner, Socket, TcpInfo};
use ayt_core::keepalive::Keepalive;
use ayt_core::probe::Refusal;
use ayt_core::probe::engine::{Askable, Choice, Engine, choose, choose_without_descriptor};
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_sys::{Descriptors, SysError, have_net_admin, have_net_raw};

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
    /// The descriptor through which it was looked at; none where only the raw
    /// engine reaches it.
    pub(super) owner: Option<Owner>,
    /// All descriptors that led to it at the look.
    owners: &'f [Owner],
    pub(super) engine: Engine,
    /// Why that one.
    pub(super) choice: Choice,
    /// CAP_NET_RAW is in effect.
    pub(super) net_raw: bool,
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
        let others = self.owners.iter();
        let others = others.filter(|&other| Some(*other) != self.owner);
        self.owner.iter().chain(others)
    }

    /// Why what was tried through the descriptor failed.
    pub(super) fn why(&self, error: &SysError) -> Why {
        self.owner.map_or(Why::Vanished, |owner| why(&owner, error))
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
    let rights = Rights {
        net_admin: have_net_admin(),
        net_raw: have_net_raw(),
    };
    spread(sockets, ALONE, |sockets| {
        let mut descriptors = Descriptors::default();
        sockets
            .iter()
            .map(|socket| inspect(&mut descriptors, facts, socket, how, rights))
            .collect()
    })
}

/// What the process may do.
#[derive(Debug, Clone, Copy)]
struct Rights {
    net_admin: bool,
    net_raw: bool,
}

/// The answer for a connection that cannot be asked.
pub(super) fn unasked(socket: &Socket, why: Why, choice: Choice) -> Answer {
    Answer {
        cookie: socket.cookie,
        verdict: Verdict::Unknown(why),
        engine: None,
        choice,
        numbers: None,
        account: None,
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
    rights: Rights,
) -> Inspected<'f> {
    let owners = facts.owners_of(socket);
    if owners.is_empty() {
        return unreached(socket, without_owner(socket), how, rights);
    }
    let mut reason = Why::Vanished;
    for owner in owners {
        match look_through(descriptors, socket, owner, rights) {
            Ok(Some((askable, reuse))) => {
                let choice = choose(&askable, how.engine);
                let Some(engine) = choice.engine.or_else(|| perhaps(&choice, &askable)) else {
                    return none_may(socket, choice);
                };
                return Inspected::Ready(Ready {
                    socket,
                    owner: Some(*owner),
                    owners,
                    engine,
                    choice,
                    net_raw: rights.net_raw,
                    state: askable.state,
                    keepalive: askable.keepalive,
                    reuse,
                    info: askable.tcp,
                });
            }
            Ok(None) => {}
            Err(error) => reason = why(owner, &error),
        }
    }
    unreached(socket, reason, how, rights)
}

/// No descriptor leads to it, for the reason given.
fn unreached<'f>(socket: &'f Socket, why: Why, how: &Probe, rights: Rights) -> Inspected<'f> {
    let choice = choose_without_descriptor(socket.state, rights.net_raw, &why, how.engine);
    let Some(engine) = choice.engine else {
        return none_may(socket, choice);
    };
    Inspected::Ready(Ready {
        socket,
        owner: None,
        owners: &[],
        engine,
        choice,
        net_raw: rights.net_raw,
        state: socket.state,
        keepalive: UNKNOWN,
        reuse: false,
        info: socket.tcp.unwrap_or_default(),
    })
}

fn none_may<'f>(socket: &Socket, choice: Choice) -> Inspected<'f> {
    let why = choice.why_none().cloned().unwrap_or(Why::NotAsked);
    Inspected::Not(unasked(socket, why, choice))
}

/// What looks like the owner's keepalive may be another ayt in the midst of an
/// ask; under the lock it is judged again.
fn perhaps(choice: &Choice, connection: &Askable) -> Option<Engine> {
    let own = Refusal::OwnKeepalive.why();
    (choice.why_none() == Some(&own) && connection.keepalive.idle_s == IDLE_S)
        .then_some(Engine::Keepalive)
}

/// What one descriptor shows; `None` when it leads to another socket now.
fn look_through(
    descriptors: &mut Descriptors,
    socket: &Socket,
    owner: &Owner,
    rights: Rights,
) -> Result<Option<(Askable, bool)>, SysError> {
    let hold = descriptors.hold(owner)?;
    // A number that leads to something else by now need not even be a socket.
    if hold.cookie().ok() != Some(socket.cookie) {
        // The cookie of a Multipath TCP descriptor is not that of its subflow.
        return Ok(hold
            .is_multipath_tcp()
            .then(|| (multipath(socket, rights), false)));
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
        net_admin: rights.net_admin,
        net_raw: rights.net_raw,
    };
    Ok(Some((askable, hold.reuse_address()?)))
}

fn multipath(socket: &Socket, rights: Rights) -> Askable {
    Askable {
        state: socket.state,
        tcp: socket.tcp.unwrap_or_default(),
        keepalive: UNKNOWN,
        send_queue: 0,
        in_repair: false,
        plain_tcp: false,
        net_admin: rights.net_admin,
        net_raw: rights.net_raw,
    }
}

/// In place of settings that nobody could read: the raw engine needs none.
const UNKNOWN: Keepalive = Keepalive {
    enabled: false,
    idle_s: 0,
    interval_s: 0,
    count: 0,
    user_timeout_ms: 0,
};
