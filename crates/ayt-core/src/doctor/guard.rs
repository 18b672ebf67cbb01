//! What several rules ask of one connection: is keepalive on? And how they tell,
//! once, of settings that could not be read.

use crate::fact::{Fact, Partial, Why};
use crate::facts::{HostFacts, Socket, TimerKind};
use crate::keepalive::Keepalive;
use crate::tcp_state::TcpState;

/// What is known of a connection's keepalive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard<'a> {
    /// Settings read: on.
    On(&'a Keepalive),
    /// Settings read: off.
    Off(&'a Keepalive),
    /// Settings unknown, but its timer runs: on.
    TimerRuns,
    /// Settings unknown.
    Unknown(&'a Why),
}

/// What is known of the keepalive of an open connection.
pub(crate) fn guard_of<'a>(facts: &'a HostFacts, socket: &Socket) -> Guard<'a> {
    match facts.keepalive.get(&socket.cookie) {
        Some(Fact::Known(settings)) if settings.enabled => Guard::On(settings),
        Some(Fact::Known(settings)) => Guard::Off(settings),
        _ if socket.timer.kind == TimerKind::Keepalive => Guard::TimerRuns,
        Some(Fact::Unknown(why)) => Guard::Unknown(why),
        None => Guard::Unknown(&Why::NotAsked),
    }
}

/// An open connection of some process to another host: what keepalive is for.
pub(crate) fn needs_guard(facts: &HostFacts, socket: &Socket) -> bool {
    socket.state == TcpState::Established && socket.inode != 0 && !facts.peer_is_local(socket)
}

/// What rules about settings could not see, told once and in the same words by
/// each of them.
pub(crate) fn unseen_settings(facts: &HostFacts) -> Option<Partial> {
    let unseen = facts.sockets.iter().filter_map(|socket| {
        match guard_of(facts, socket) {
            Guard::On(_) | Guard::Off(_) => None,
            Guard::TimerRuns => match facts.keepalive.get(&socket.cookie) {
                Some(Fact::Unknown(why)) => Some(why),
                _ => Some(&Why::NotAsked),
            },
            Guard::Unknown(why) => Some(why),
        }
        .filter(|_| needs_guard(facts, socket))
    });
    gap("", unseen)
}

/// Counts what is unknown; what vanished meanwhile does not count. The first
/// reason stands for all.
pub(crate) fn gap<'a>(adjective: &str, whys: impl Iterator<Item = &'a Why>) -> Option<Partial> {
    let mut whys = whys.filter(|why| !matches!(why, Why::Vanished | Why::NoDescriptor));
    let first = whys.next()?;
    let count = 1 + whys.count();
    let words = |one, many| if count == 1 { one } else { many };
    let plural = words("", "s");
    let what = format!("keepalive of {count} {adjective}connection{plural} is unknown");
    let (why, remedy) = match first {
        Why::NoRight { operation, remedy } => (format!("no right to {operation}"), remedy.clone()),
        Why::OwnerHidden => (
            words("its owner is hidden", "their owners are hidden").to_owned(),
            "run as root or grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH".to_owned(),
        ),
        Why::KernelTooOld { what, since } => (
            format!("this kernel has no {what}"),
            format!("Linux {since} or later"),
        ),
        Why::NotAsked => (first.to_string(), "`ayt list --exact` asks".to_owned()),
        _ => (first.to_string(), "look again".to_owned()),
    };
    Some(Partial { what, why, remedy })
}
