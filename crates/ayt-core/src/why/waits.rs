//! What a thread waits for, and the chain behind it, in words.

mod close;
mod peer;
mod tell;

use crate::fact::{Fact, Why};
use crate::facts::{Call, Owner, Socket, ThreadDetail, Threads, WaitsOn, Watch};
use crate::tcp_state::TcpState;

use super::Case;
pub(super) use peer::{peer_clause, peer_remedy};
pub(super) use tell::{follow, name};

/// What a thread waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait<'a> {
    /// The process is stopped (`T`) or held by a debugger (`t`).
    Stopped(char),
    /// It sits in a call on a connection.
    Connection(&'a Call, Owner, &'a Socket),
    /// It closes a descriptor, and that takes time.
    Closing(&'a Call),
    /// It sits in a call on a listener that is not the one asked about.
    OtherListener(&'a Call, Owner, &'a Socket),
    /// It runs.
    Running,
    /// It waits for a lock that this thread holds.
    HeldLock(&'a Call, u64, u32),
    /// It waits for a child, or for any.
    Child(&'a Call, Option<u32>),
    /// It works on a descriptor that is no TCP socket: its name.
    Other(&'a Call, u32, Option<&'a str>),
    /// It waits for events of descriptors among which the listener is not.
    Deaf(&'a Call, &'a [Watch]),
    /// It sits in accept on the listener that is asked about.
    Accepting(&'a Call),
    /// It waits for events, the listener's too; or nobody knows of what.
    Events(&'a Call, Option<&'a [Watch]>),
    /// It waits for a lock that does not say who holds it.
    Lock(&'a Call, u64),
    /// It sits in a call without a descriptor: a sleep, a signal.
    Parked(&'a Call),
    /// It sleeps outside a call, in this state.
    Asleep(char),
    /// Nobody may say.
    Unknown(&'a Why),
}

impl Wait<'_> {
    /// The better explains why nothing is accepted, the smaller.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Stopped(_) => 0,
            Self::Connection(..) | Self::Closing(_) | Self::OtherListener(..) => 1,
            Self::Running => 2,
            Self::HeldLock(..) => 3,
            Self::Child(..) => 4,
            Self::Deaf(..) => 5,
            Self::Other(..) => 6,
            Self::Accepting(_) => 7,
            Self::Events(..) => 8,
            Self::Lock(..) => 9,
            Self::Parked(_) => 10,
            Self::Asleep(_) => 11,
            Self::Unknown(_) => 12,
        }
    }

    /// It cannot come back by itself to accept.
    pub(super) const fn is_blocked(&self) -> bool {
        self.rank() <= 6 && !matches!(self, Self::Running)
    }
}

/// What a thread of `pid` waits for, seen from the listeners that are asked about.
pub(super) fn wait<'a>(case: &Case<'a>, pid: u32, detail: &'a ThreadDetail) -> Wait<'a> {
    let thread = &detail.thread;
    if matches!(thread.state, 'T' | 't') {
        return Wait::Stopped(thread.state);
    }
    if thread.state == 'R' {
        return Wait::Running;
    }
    let call = match &thread.call {
        Fact::Known(Some(call)) => call,
        Fact::Known(None) => return Wait::Asleep(thread.state),
        Fact::Unknown(why) => return Wait::Unknown(why),
    };
    if call.waits_for_events() {
        return match &detail.waits_on {
            Fact::Known(WaitsOn::Events(watches)) if is_deaf(case, pid, watches) => {
                Wait::Deaf(call, watches)
            }
            Fact::Known(WaitsOn::Events(watches)) => Wait::Events(call, Some(watches)),
            _ => Wait::Events(call, None),
        };
    }
    match &detail.waits_on {
        Fact::Known(WaitsOn::Lock {
            address,
            holder: Some(holder),
        }) if *holder != thread.tid => return Wait::HeldLock(call, *address, *holder),
        Fact::Known(WaitsOn::Lock { address, .. }) => return Wait::Lock(call, *address),
        Fact::Known(WaitsOn::Child(child)) => return Wait::Child(call, *child),
        _ => {}
    }
    let Some(fd) = call.fd else {
        return Wait::Parked(call);
    };
    if call.name == "close" {
        return Wait::Closing(call);
    }
    match case.behind(pid, fd) {
        Some((_, socket)) if is_asked_about(case, socket) => Wait::Accepting(call),
        Some((owner, socket)) if socket.state == TcpState::Listen => {
            Wait::OtherListener(call, owner, socket)
        }
        Some((owner, socket)) => Wait::Connection(call, owner, socket),
        None => match &detail.waits_on {
            Fact::Known(WaitsOn::Descriptor(name)) => Wait::Other(call, fd, name.as_deref()),
            _ => Wait::Other(call, fd, None),
        },
    }
}

fn is_asked_about(case: &Case<'_>, socket: &Socket) -> bool {
    case.listeners().any(|one| one.cookie == socket.cookie)
}

/// It waits for events, for those of descriptors among which no listener is that
/// is asked about, and the process has one.
fn is_deaf(case: &Case<'_>, pid: u32, watches: &[Watch]) -> bool {
    let mut listeners = case
        .listeners()
        .flat_map(|one| case.facts.owners_of(one))
        .filter(|owner| owner.pid == pid)
        .peekable();
    // An epoll within an epoll may hold it: then nothing is known.
    listeners.peek().is_some()
        && !listeners.any(|owner| {
            let watched = |watch: &Watch| watch.fd == owner.fd && watch.wants_input();
            watches.iter().any(watched)
        })
}

/// The thread of these processes that explains best why nothing is accepted.
pub(super) fn best<'a>(case: &Case<'a>, pids: &[u32]) -> Option<(u32, &'a ThreadDetail, Wait<'a>)> {
    let all = threads(case, pids).map(|(pid, detail)| (pid, detail, wait(case, pid, detail)));
    all.min_by_key(|(pid, detail, wait)| {
        let (dead, heard) = match wait {
            Wait::Connection(_, _, socket) => {
                let verdict = case.facts.verdict_of(socket);
                let heard = socket.tcp.as_ref().map_or(0, |tcp| tcp.heard_ms());
                (verdict.is_some_and(crate::verdict::Verdict::is_dead), heard)
            }
            _ => (false, 0),
        };
        (
            wait.rank(),
            !dead,
            u32::MAX - heard,
            *pid,
            detail.thread.tid,
        )
    })
}

/// All threads of these processes that were read.
pub(super) fn threads<'a>(
    case: &Case<'a>,
    pids: &[u32],
) -> impl Iterator<Item = (u32, &'a ThreadDetail)> {
    let inside = &case.facts.inside;
    pids.iter().flat_map(move |&pid| {
        let threads: Option<&'a Threads> = inside.threads_of(pid).ok();
        let seen = threads.map_or(&[] as &[ThreadDetail], |threads| &threads.seen);
        seen.iter().map(move |detail| (pid, detail))
    })
}
