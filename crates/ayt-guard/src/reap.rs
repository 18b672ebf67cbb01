//! Destroys connections that are dead.

use std::collections::BTreeSet;
use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::facts::{Cookie, HostFacts, Owner, Socket, TcpInfo};
use ayt_sys::wire::diag;
use ayt_sys::wire::request::SocketName;
use ayt_sys::{Descriptors, NoSocket, SysError};

use crate::clock::Clock;
use crate::held::holds;
use crate::places::{self, Place};

/// A connection to destroy.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Its index in `facts.sockets`.
    pub at: usize,
    /// Leave it alone if anything has come from the peer since the facts were
    /// taken.
    pub unless_heard: bool,
    /// TCP's account since which nothing may have come: that of the probe's
    /// [`Answer`](crate::probe::Answer), where it has one, for the raw engine's own
    /// segments are counted as received. `None`: that of the facts.
    pub account: Option<TcpInfo>,
}

/// What came of one connection.
#[derive(Debug, Clone)]
pub struct Reaped {
    /// Which connection.
    pub cookie: Cookie,
    /// What happened.
    pub outcome: Outcome,
    /// Descriptors its owners still hold on it a moment later.
    pub still_held: Vec<Owner>,
}

/// What happened to one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has vanished from the kernel's tables.
    Destroyed,
    /// It had gone before.
    AlreadyGone,
    /// Its peer was heard again since the verdict: left alone.
    CameBack,
    /// The kernel said yes, and the socket is still there.
    StillThere,
    /// The kernel refused.
    Refused(Why),
}

/// Destroys connections, each checked by cookie, and looks whether they are
/// gone.
#[must_use]
pub fn reap(facts: &HostFacts, orders: &[Order]) -> Vec<Reaped> {
    let wanted: Vec<(&Socket, &Order)> = orders
        .iter()
        .filter_map(|order| Some((facts.sockets.get(order.at)?, order)))
        .collect();
    let namespaces: BTreeSet<_> = wanted.iter().map(|(socket, _)| socket.ns).collect();
    let mut places = places::open(facts, &namespaces);
    let mut reaped: Vec<Reaped> = wanted
        .into_iter()
        .map(|(socket, order)| {
            let outcome = match places.get_mut(&socket.ns) {
                Some(Ok(place)) => destroy(place, socket, order),
                Some(Err(error)) => Outcome::Refused(failed(error)),
                None => Outcome::Refused(Why::Vanished),
            };
            Reaped {
                cookie: socket.cookie,
                outcome,
                still_held: facts.owners_of(socket).to_vec(),
            }
        })
        .collect();
    wait_for_owners(&mut reaped);
    reaped
}

/// A program that watches its sockets closes an ended one within milliseconds;
/// what it holds after this long, it holds.
const OWNERS_PATIENCE: Duration = Duration::from_millis(250);

/// Takes out the owners that have let go of what was ended.
fn wait_for_owners(reaped: &mut [Reaped]) {
    let clock = Clock::start();
    loop {
        let mut descriptors = Descriptors::default();
        let mut held = false;
        for one in reaped.iter_mut() {
            if matches!(one.outcome, Outcome::Destroyed | Outcome::AlreadyGone) {
                let cookie = one.cookie;
                one.still_held
                    .retain(|owner| holds(&mut descriptors, owner, cookie));
                held |= !one.still_held.is_empty();
            }
        }
        if !held || clock.now() >= OWNERS_PATIENCE {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the tables show of a socket.
enum Now {
    There(Box<Socket>),
    Gone,
    Unknown(Why),
}

fn destroy(place: &mut Place, socket: &Socket, order: &Order) -> Outcome {
    let then = order.account.or(socket.tcp);
    match look(place, socket) {
        Now::Gone => return Outcome::AlreadyGone,
        Now::Unknown(why) => return Outcome::Refused(why),
        Now::There(now) if order.unless_heard && heard_since(then, now.tcp) => {
            return Outcome::CameBack;
        }
        Now::There(_) => {}
    }
    match place.diag.destroy(&SocketName::from(socket)) {
        Ok(()) => match look(place, socket) {
            Now::Gone => Outcome::Destroyed,
            Now::There(_) => Outcome::StillThere,
            Now::Unknown(why) => Outcome::Refused(why),
        },
        Err(error) if error.is_gone() => Outcome::AlreadyGone,
        Err(error) => Outcome::Refused(failed(&error)),
    }
}

fn heard_since(then: Option<TcpInfo>, now: Option<TcpInfo>) -> bool {
    match (then, now) {
        (Some(then), Some(now)) => match (then.segs_in, now.segs_in) {
            (Some(then), Some(now)) => then != now,
            _ => now.last_ack_recv_ms < then.last_ack_recv_ms,
        },
        _ => false,
    }
}

fn look(place: &mut Place, socket: &Socket) -> Now {
    let mut now = Now::Gone;
    let asked = place
        .diag
        .get_many(&[SocketName::from(socket)], |_, answer| {
            now = match answer {
                Ok(payload) => match diag::socket(payload, socket.ns) {
                    Ok(Some(found)) => Now::There(Box::new(found)),
                    Ok(None) => Now::Gone,
                    Err(error) => Now::Unknown(Why::Failed {
                        operation: "read a sock_diag message".to_owned(),
                        error: error.to_string(),
                    }),
                },
                Err(NoSocket::Gone | NoSocket::Replaced) => Now::Gone,
                Err(NoSocket::Failed(error)) => Now::Unknown(Why::Failed {
                    operation: "look for it after".to_owned(),
                    error: error.to_string(),
                }),
            };
        });
    match asked {
        Ok(()) => now,
        Err(error) => Now::Unknown(failed(&error)),
    }
}

fn failed(error: &SysError) -> Why {
    let operation = "destroy a connection".to_owned();
    if error.is_refused() {
        Why::NoRight {
            operation,
            remedy: "run as root or grant CAP_NET_ADMIN".to_owned(),
        }
    } else if error.is_unsupported() {
        Why::KernelTooOld {
            what: "SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)",
            since: "4.5",
        }
    } else {
        Why::Failed {
            operation,
            error: error.to_string(),
        }
    }
}
