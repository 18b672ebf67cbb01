//! Exact keepalive settings: a look through a duplicate of each descriptor.

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{Cookie, HostFacts, Owner, Socket};
use ayt_core::keepalive::Keepalive;
use ayt_core::tcp_state::TcpState;
use ayt_sys::{Descriptors, SysError};

use crate::spread::spread;

/// Fewer sockets than this are asked by one thread.
const ALONE: usize = 2_000;

/// Asks for the settings of every socket that can carry any.
pub(super) fn ask(facts: HostFacts) -> HostFacts {
    let wanted: Vec<&Socket> = facts
        .sockets
        .iter()
        .filter(|socket| socket.state != TcpState::TimeWait)
        .collect();
    let settings = spread(&wanted, ALONE, |sockets| ask_some(&facts, sockets));
    let mut parts = facts.into_parts();
    parts.keepalive.extend(settings);
    HostFacts::new(parts)
}

fn ask_some(facts: &HostFacts, sockets: &[&Socket]) -> Vec<(Cookie, Fact<Keepalive>)> {
    let mut descriptors = Descriptors::default();
    sockets
        .iter()
        .map(|socket| {
            let owners = facts.owners_of(socket);
            let fact = if owners.is_empty() {
                Fact::Unknown(without_owner(socket))
            } else {
                settings(&mut descriptors, socket.cookie, owners)
            };
            (socket.cookie, fact)
        })
        .collect()
}

/// Why a socket without a visible owner cannot be asked.
pub(crate) fn without_owner(socket: &Socket) -> Why {
    if socket.inode == 0 {
        Why::NoDescriptor
    } else {
        Why::OwnerHidden
    }
}

/// Reads the settings of one socket through the first of its owners' descriptors
/// that still leads to it.
pub(crate) fn settings(
    descriptors: &mut Descriptors,
    cookie: Cookie,
    owners: &[Owner],
) -> Fact<Keepalive> {
    let mut last = Why::Vanished;
    for owner in owners {
        let read = descriptors.hold(owner).and_then(|hold| {
            let same = hold.cookie()? == cookie;
            Ok((same, hold.keepalive()?))
        });
        match read {
            Ok((true, keepalive)) => return Fact::Known(keepalive),
            Ok((false, _)) => {}
            Err(error) => last = why(owner, &error),
        }
    }
    Fact::Unknown(last)
}

/// Says why a descriptor could not be duplicated or read.
pub(crate) fn why(owner: &Owner, error: &SysError) -> Why {
    if error.is_gone() {
        Why::Vanished
    } else if error.is_unknown_call() {
        Why::KernelTooOld {
            what: "pidfd_getfd",
            since: "5.6",
        }
    } else if error.is_refused() {
        Why::NoRight {
            operation: format!("duplicate descriptor {} of pid {}", owner.fd, owner.pid),
            remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
        }
    } else {
        Why::Failed {
            operation: format!("ask descriptor {} of pid {}", owner.fd, owner.pid),
            error: error.to_string(),
        }
    }
}
