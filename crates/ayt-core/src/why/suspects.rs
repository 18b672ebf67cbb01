//! Whose peers to ask, because the answer would change the sentence.

use std::collections::BTreeSet;

use super::Case;
use super::waits::{Wait, threads, wait};
use crate::doctor::guard::{Guard, guard_of};
use crate::facts::{Socket, TimerKind};
use crate::tcp_state::TcpState;

/// So many peers are asked at most.
pub const MOST_ASKED: usize = 64;

/// Connections, as indexes of the facts' sockets, whose peers' answer matters:
/// those that threads of the subject sit on; the one that is asked about; and, of
/// all others of its processes, those that have been silent for `idle_after`, the
/// longest silent first, unless keepalive of their own watches them. Who waits to be
/// accepted is one of those.
///
/// Nobody is asked on this very host: a peer here cannot vanish unnoticed.
#[must_use]
pub fn suspects(case: &Case<'_>) -> Vec<usize> {
    let mut cookies = BTreeSet::new();
    let mut first: Vec<&Socket> = Vec::new();
    let inside: Vec<u32> = case.facts.inside.threads.keys().copied().collect();
    for (pid, detail) in threads(case, &inside) {
        if let Wait::Connection(_, _, socket) = wait(case, pid, detail) {
            first.push(socket);
        }
    }
    if case.subject.is_one_connection() {
        first.extend(case.own());
    }
    let mut others: Vec<&Socket> = case
        .connections
        .iter()
        .copied()
        .filter(|socket| is_quiet(case, socket))
        .collect();
    others.sort_by_key(|socket| {
        let heard = socket.tcp.as_ref().map_or(0, |tcp| tcp.heard_ms());
        (std::cmp::Reverse(heard), socket.cookie)
    });
    let wanted = first
        .into_iter()
        .chain(others)
        .filter(|socket| can_ask(case, socket));
    for socket in wanted {
        if cookies.len() == MOST_ASKED {
            break;
        }
        cookies.insert(socket.cookie);
    }
    let sockets = case.facts.sockets.iter().enumerate();
    sockets
        .filter(|(_, socket)| cookies.contains(&socket.cookie))
        .map(|(at, _)| at)
        .collect()
}

/// Asking its peer is possible and tells something. No descriptor is needed: who waits
/// in an accept queue may be gone as well, and hold up the program next.
pub(super) fn can_ask(case: &Case<'_>, socket: &Socket) -> bool {
    // An ask about what the peer has closed would only draw a RST.
    socket.state == TcpState::Established && !case.facts.peer_is_local(socket)
}

/// Nothing came for long, and nothing of its own would notice the peer's death
/// soon.
pub(super) fn is_quiet(case: &Case<'_>, socket: &Socket) -> bool {
    let Some(tcp) = &socket.tcp else { return false };
    let quiet = u128::from(tcp.heard_ms()) >= case.limits.idle_after.as_millis();
    let watched = match guard_of(case.facts, socket) {
        Guard::On(settings) => u64::from(settings.idle_s) * 1000 > u64::from(tcp.heard_ms()),
        Guard::TimerRuns => socket.timer.count == 0,
        Guard::Off(_) | Guard::Unknown(_) => false,
    };
    // The kernel asks already.
    let probing = matches!(
        socket.timer.kind,
        TimerKind::Retransmit | TimerKind::WindowProbe
    );
    quiet && !watched && !probing
}
