//! What the threads of a program do, and on which connection.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::fact::Fact;
use crate::facts::{Call, HostFacts, Owner, Socket, Thread};
use crate::verdict::Verdict;

/// Sockets behind the descriptors that threads sit in a call on.
pub(super) struct Descriptors<'a>(FxHashMap<(u32, u32), (Owner, &'a Socket)>);

impl<'a> Descriptors<'a> {
    pub(super) fn of(facts: &'a HostFacts, pids: &FxHashSet<u32>) -> Self {
        let mut wanted = FxHashSet::default();
        for pid in pids {
            for thread in threads_of(facts, *pid).into_iter().flatten() {
                if let Fact::Known(Some(Call { fd: Some(fd), .. })) = thread.call {
                    wanted.insert((*pid, fd));
                }
            }
        }
        let mut found = FxHashMap::default();
        if !wanted.is_empty() {
            for socket in &facts.sockets {
                for owner in facts.owners_of(socket) {
                    if wanted.contains(&(owner.pid, owner.fd)) {
                        found.insert((owner.pid, owner.fd), (*owner, socket));
                    }
                }
            }
        }
        Self(found)
    }
}

/// What one thread does, the best explanation first.
#[derive(Clone, Copy)]
pub(super) enum Doing<'a> {
    /// The process is stopped (`T`) or held by a debugger (`t`).
    Stopped(char),
    /// It sits in a call on a connection, or on another listener.
    OnSocket(&'a Call, Owner, &'a Socket),
    /// It runs.
    Running,
    /// It sits in a call on something that is no TCP socket, or waits for a device.
    OnOther(&'a Call),
    /// It sits in accept on this very listener.
    Accepting(&'a Call),
    /// It waits for events.
    Polling(&'a Call),
    /// It sits in a call without a descriptor: a lock, a sleep, a child.
    Parked(&'a Call),
    /// It sleeps, in what is unknown.
    Unknown,
}

impl Doing<'_> {
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Stopped(_) => 0,
            Self::OnSocket(..) => 1,
            Self::Running => 2,
            Self::OnOther(_) => 3,
            Self::Accepting(_) => 4,
            Self::Polling(_) => 5,
            Self::Parked(_) => 6,
            Self::Unknown => 7,
        }
    }
}

fn threads_of(facts: &HostFacts, pid: u32) -> Option<&Vec<Thread>> {
    facts.threads.get(&pid)?.known()
}

pub(super) fn doing<'a>(
    facts: &HostFacts,
    listeners: &[&Socket],
    pid: u32,
    thread: &'a Thread,
    descriptors: &Descriptors<'a>,
) -> Doing<'a> {
    if matches!(thread.state, 'T' | 't') {
        return Doing::Stopped(thread.state);
    }
    if thread.state == 'R' {
        return Doing::Running;
    }
    let Fact::Known(Some(call)) = &thread.call else {
        return Doing::Unknown;
    };
    if call.waits_for_events() {
        return Doing::Polling(call);
    }
    let Some(fd) = call.fd else {
        return Doing::Parked(call);
    };
    let own = listeners
        .iter()
        .flat_map(|listener| facts.owners_of(listener))
        .any(|owner| (owner.pid, owner.fd) == (pid, fd));
    if own {
        return Doing::Accepting(call);
    }
    match descriptors.0.get(&(pid, fd)) {
        Some(&(owner, socket)) => Doing::OnSocket(call, owner, socket),
        None => Doing::OnOther(call),
    }
}

/// Among threads that sit on connections: the dead first, then the longest
/// silent.
pub(super) fn least_credible(facts: &HostFacts, doing: Doing<'_>) -> (bool, u32) {
    let Doing::OnSocket(_, _, socket) = doing else {
        return (false, 0);
    };
    let dead = facts.verdict_of(socket).is_some_and(Verdict::is_dead);
    let heard = socket.tcp.as_ref().map_or(0, |tcp| tcp.heard_ms());
    (!dead, u32::MAX - heard)
}

/// All threads with their calls, alike ones counted.
pub(super) fn list<'t>(threads: impl Iterator<Item = &'t Thread>) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for thread in threads {
        let text = match &thread.call {
            Fact::Known(Some(call)) => call.to_string(),
            Fact::Known(None) => format!("state {}", thread.state),
            Fact::Unknown(_) => format!("unknown, state {}", thread.state),
        };
        *counts.entry(text).or_default() += 1;
    }
    let list: Vec<String> = counts
        .into_iter()
        .map(|(text, count)| match count {
            1 => text,
            _ => format!("{text} x{count}"),
        })
        .collect();
    list.join(", ")
}
