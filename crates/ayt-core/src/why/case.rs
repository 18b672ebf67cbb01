//! What the causal rules look at: the facts, the subject, and what belongs to it.

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Graph, Kind, Relation};
use super::subject::Subject;
use crate::doctor::Limits;
use crate::doctor::group::canonical;
use crate::duration::Ms;
use crate::fact::{Fact, Partial, Why};
use crate::facts::{Cookie, HostFacts, Owner, Socket, ThreadDetail};
use crate::tcp_state::TcpState;

/// A subject among the facts.
#[derive(Debug)]
pub struct Case<'a> {
    /// The facts.
    pub facts: &'a HostFacts,
    /// What is asked about.
    pub subject: &'a Subject,
    /// From when on something counts.
    pub limits: &'a Limits,
    /// The clock since boot at the look, on which threads say when they last ran.
    pub now: Duration,
    /// The subject's connections, and all others of its processes.
    pub(super) connections: Vec<&'a Socket>,
    /// Sockets behind the descriptors of processes that were looked into.
    descriptors: FxHashMap<(u32, u32), (Owner, &'a Socket)>,
    /// What an earlier rule has explained.
    pub(super) explained: FxHashSet<Cookie>,
    pub(super) explained_pids: FxHashSet<u32>,
}

impl<'a> Case<'a> {
    /// Finds what belongs to the subject.
    #[must_use]
    pub fn new(
        facts: &'a HostFacts,
        subject: &'a Subject,
        limits: &'a Limits,
        now: Duration,
    ) -> Self {
        let pids: FxHashSet<u32> = subject.pids.iter().copied().collect();
        let direct: FxHashSet<usize> = subject.connections.iter().copied().collect();
        let mut descriptors = FxHashMap::default();
        let mut connections: Vec<&Socket> = subject
            .connections
            .iter()
            .filter_map(|&at| facts.sockets.get(at))
            .collect();
        // One connection is one connection; a port stands for its program.
        let whole = !subject.is_one_connection();
        for (at, socket) in facts.sockets.iter().enumerate() {
            let owners = facts.owners_of(socket);
            for owner in owners {
                let looked_into = facts.inside.threads.contains_key(&owner.pid);
                if looked_into || pids.contains(&owner.pid) {
                    descriptors.insert((owner.pid, owner.fd), (*owner, socket));
                }
            }
            let theirs = || owners.iter().any(|owner| pids.contains(&owner.pid));
            if whole && socket.state != TcpState::Listen && !direct.contains(&at) && theirs() {
                connections.push(socket);
            }
        }
        Self {
            facts,
            subject,
            limits,
            now,
            connections,
            descriptors,
            explained: FxHashSet::default(),
            explained_pids: FxHashSet::default(),
        }
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = &'a Socket> {
        let listeners = self.subject.listeners.iter();
        listeners.filter_map(|&at| self.facts.sockets.get(at))
    }

    /// The subject's own connections, without the others of its processes.
    pub(super) fn own(&self) -> &[&'a Socket] {
        let own = self.subject.connections.len().min(self.connections.len());
        &self.connections[..own]
    }

    /// The socket behind a descriptor.
    pub(super) fn behind(&self, pid: u32, fd: u32) -> Option<(Owner, &'a Socket)> {
        self.descriptors.get(&(pid, fd)).copied()
    }

    pub(super) fn socket(&self, cookie: Cookie) -> Option<&'a Socket> {
        let all = self.connections.iter().copied().chain(self.listeners());
        let mut of_case = all.filter(|socket| socket.cookie == cookie);
        let anywhere = || {
            self.facts
                .sockets
                .iter()
                .find(|socket| socket.cookie == cookie)
        };
        of_case.next().or_else(anywhere)
    }

    /// One of these connections is the subject's or its processes'.
    pub(super) fn concerns(&self, cookies: impl IntoIterator<Item = Cookie>) -> bool {
        let ours: FxHashSet<Cookie> = self
            .connections
            .iter()
            .copied()
            .chain(self.listeners())
            .map(|socket| socket.cookie)
            .filter(|cookie| !self.explained.contains(cookie))
            .collect();
        cookies.into_iter().any(|cookie| ours.contains(&cookie))
    }

    /// The other end of a connection, where it lies on this very host.
    pub(super) fn other_end(&self, socket: &Socket) -> Option<&'a Socket> {
        other_end(&self.facts.sockets, socket)
    }

    /// For how long a thread has not run, ms.
    pub(super) fn blocked_ms(&self, detail: &ThreadDetail) -> Option<u64> {
        let ran = detail.last_ran.known()?;
        Some(Ms::from(self.now.checked_sub(*ran)?).0)
    }

    /// What could not be seen of this subject.
    pub(super) fn partial(&self) -> Vec<Partial> {
        let mut partial = self.facts.partial.clone();
        let processes = self.facts.inside.threads.iter();
        for (&pid, threads) in processes {
            let who = super::words::program(self.facts, pid);
            match threads {
                Fact::Unknown(Why::Vanished) => {}
                Fact::Unknown(why) => partial.push(gap(format!("the threads of {who}"), why)),
                Fact::Known(threads) => {
                    if threads.not_read > 0 {
                        partial.push(Partial {
                            what: format!("{} threads of {who}", threads.not_read),
                            why: format!("only its first {} were read", threads.seen.len()),
                            remedy: "see `ls /proc/PID/task`; the busiest are in `top -H`"
                                .to_owned(),
                        });
                    }
                    let hidden = threads.seen.iter().find_map(|one| match &one.thread.call {
                        Fact::Unknown(why) if *why != Why::Vanished => Some(why),
                        _ => None,
                    });
                    if let Some(why) = hidden {
                        let what = format!("what the threads of {who} are blocked in");
                        partial.push(gap(what, why));
                    }
                }
            }
        }
        partial
    }

    /// The subject itself: its processes and what they listen on.
    pub(super) fn sketch(&self, graph: &mut Graph) {
        for &pid in self.subject.pids.iter().take(super::words::SHOWN) {
            graph.process(self.facts, pid);
        }
        for listener in self.listeners().take(super::words::SHOWN) {
            let id = graph.socket(listener);
            for owner in self.facts.owners_of(listener) {
                graph.descriptor(self.facts, owner, listener);
            }
            if let Some(ns) = self.facts.namespace(listener.ns) {
                let ns = graph.node(Kind::Namespace, ns.inode, ns.name.clone(), Vec::new());
                graph.edge(&id, Relation::LiesIn, &ns, Vec::new());
            }
        }
    }
}

impl Subject {
    /// It is one connection and nothing else.
    pub(super) fn is_one_connection(&self) -> bool {
        use super::Wanted::{Cookie, Pair};
        self.listeners.is_empty()
            && (matches!(self.wanted, Pair(..) | Cookie(_)) || self.connections.len() == 1)
            && matches!(
                self.wanted,
                Pair(..) | Cookie(_) | super::Wanted::Endpoint(_) | super::Wanted::Word(..)
            )
    }
}

/// The other end of a connection, where it lies on this very host: in the same
/// namespace before others. A loopback address means another thing in each.
#[must_use]
pub fn other_end<'a>(sockets: &'a [Socket], socket: &Socket) -> Option<&'a Socket> {
    if socket.state == TcpState::Listen {
        return None;
    }
    let (local, remote) = (canonical(socket.local), canonical(socket.remote));
    let far = !remote.ip().is_loopback();
    let ends = sockets.iter().filter(|one| {
        one.local.port() == remote.port()
            && one.cookie != socket.cookie
            && canonical(one.local) == remote
            && canonical(one.remote) == local
            && (far || one.ns == socket.ns)
    });
    ends.min_by_key(|one| one.ns != socket.ns)
}

fn gap(what: String, why: &Why) -> Partial {
    match why {
        Why::NoRight { operation, remedy } => Partial {
            what,
            why: format!("no right to {operation}"),
            remedy: remedy.clone(),
        },
        why => Partial {
            what,
            why: why.to_string(),
            remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
        },
    }
}
