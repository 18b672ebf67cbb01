//! Who and where: gathers sockets by the program that holds them and the service
//! they belong to, names both in sentences, and writes the filters that select
//! them.

use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Finding, Rule, Severity, Value, commands};
use crate::duration::Ms;
use crate::facts::{HostFacts, NsId, Socket};

/// Connections of one program to more remote endpoints than this are told
/// together: a crawler is one culprit, not a thousand.
const REMOTES_TOLD_APART: usize = 3;

/// Who holds a socket. Processes of one command count as one program: a server
/// that forks for each connection is one culprit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Holder<'a> {
    Program(&'a str),
    Process(u32),
    Hidden(u32),
    Nobody,
}

/// Which service of the holder the socket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Port(u16),
    Remote(SocketAddr),
    Remotes,
    Anywhere,
}

/// Sockets of one program, one service and one kind `K`.
#[derive(Debug)]
pub(crate) struct Group<'a, K> {
    /// What the rule told them apart by.
    pub(crate) kind: K,
    /// The sockets, in the order of the facts; never empty.
    pub(crate) sockets: Vec<&'a Socket>,
    facts: &'a HostFacts,
    ns: NsId,
    holder: Holder<'a>,
    place: Place,
}

/// Groups by program, local service (or remote endpoint of outgoing
/// connections), and kind; in a fixed order.
pub(crate) fn by_service<'a, K: Copy + Ord + Hash>(
    facts: &'a HostFacts,
    sockets: impl IntoIterator<Item = (&'a Socket, K)>,
) -> Vec<Group<'a, K>> {
    let services = Services::of(facts);
    gather(facts, sockets, |socket| match services.port(socket) {
        Some(port) => Place::Port(port),
        None => Place::Remote(canonical(socket.remote)),
    })
}

/// Groups by program and kind alone.
pub(crate) fn by_program<'a, K: Copy + Ord + Hash>(
    facts: &'a HostFacts,
    sockets: impl IntoIterator<Item = (&'a Socket, K)>,
) -> Vec<Group<'a, K>> {
    gather(facts, sockets, |_| Place::Anywhere)
}

fn gather<'a, K: Copy + Ord + Hash>(
    facts: &'a HostFacts,
    sockets: impl IntoIterator<Item = (&'a Socket, K)>,
    place: impl Fn(&Socket) -> Place,
) -> Vec<Group<'a, K>> {
    let mut keyed = Vec::new();
    let mut remotes: FxHashMap<_, FxHashSet<SocketAddr>> = FxHashMap::default();
    for (socket, kind) in sockets {
        let (holder, place) = (holder_of(facts, socket), place(socket));
        if let Place::Remote(remote) = place {
            let seen = remotes.entry((socket.ns, holder, kind)).or_default();
            if seen.len() <= REMOTES_TOLD_APART {
                seen.insert(remote);
            }
        }
        keyed.push((socket, holder, place, kind));
    }
    let mut groups: FxHashMap<_, Vec<&Socket>> = FxHashMap::default();
    for (socket, holder, mut place, kind) in keyed {
        let many = |seen: &FxHashSet<_>| seen.len() > REMOTES_TOLD_APART;
        if matches!(place, Place::Remote(_))
            && remotes.get(&(socket.ns, holder, kind)).is_some_and(many)
        {
            place = Place::Remotes;
        }
        let key = (socket.ns, holder, place, kind);
        groups.entry(key).or_default().push(socket);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_unstable_by_key(|&(key, _)| key);
    groups
        .into_iter()
        .map(|((ns, holder, place, kind), sockets)| Group {
            kind,
            sockets,
            facts,
            ns,
            holder,
            place,
        })
        .collect()
}

fn holder_of<'a>(facts: &'a HostFacts, socket: &Socket) -> Holder<'a> {
    match facts.owners_of(socket).first() {
        Some(owner) => match facts.process(owner) {
            Some(process) => Holder::Program(&process.command),
            None => Holder::Process(owner.pid),
        },
        None if socket.inode == 0 => Holder::Nobody,
        None => Holder::Hidden(socket.uid),
    }
}

impl<K> Group<'_, K> {
    /// How many connections.
    pub(crate) fn count(&self) -> usize {
        self.sockets.len()
    }

    /// `one` for a single connection, else `many`.
    pub(crate) fn words<'w>(&self, one: &'w str, many: &'w str) -> &'w str {
        if self.count() == 1 { one } else { many }
    }

    /// "1 connection", "3 half-open connections"; `adjective` ends in a space or
    /// is empty.
    pub(crate) fn connections(&self, adjective: &str) -> String {
        let plural = self.words("", "s");
        format!("{} {adjective}connection{plural}", self.count())
    }

    /// The program as the subject of a sentence: "sshd (pid 812)".
    pub(crate) fn who(&self) -> String {
        match self.holder {
            Holder::Program(command) => match self.pids().as_slice() {
                [pid] => format!("{command} (pid {pid})"),
                pids => format!("{command} ({} processes)", pids.len()),
            },
            Holder::Process(pid) => format!("a process (pid {pid})"),
            Holder::Hidden(uid) => format!("a program ayt cannot see (uid {uid})"),
            Holder::Nobody => "the kernel (no process holds a descriptor)".to_owned(),
        }
    }

    /// Where: "on port 22", "to 10.0.0.9:5432", "to 57 remote endpoints".
    pub(crate) fn place(&self) -> String {
        match self.place {
            Place::Port(port) => format!("on port {port}"),
            Place::Remote(remote) => format!("to {remote}"),
            Place::Remotes | Place::Anywhere => {
                let remotes: FxHashSet<_> = self.sockets.iter().map(|s| s.remote).collect();
                let plural = if remotes.len() == 1 { "" } else { "s" };
                format!("to {} remote endpoint{plural}", remotes.len())
            }
        }
    }

    /// ayt's filters that select these connections: "--pid 812 --local :22".
    pub(crate) fn filters(&self) -> String {
        let mut filters = Vec::new();
        if let Some(ns) = self.facts.namespace(self.ns).filter(|ns| ns.name != "host") {
            if is_one_word(&ns.name) {
                filters.push(format!("--netns {}", ns.name));
            } else {
                filters.push(format!("--netns {}", ns.inode));
            }
        }
        match (self.holder, self.pids().as_slice()) {
            (_, [pid]) => filters.push(format!("--pid {pid}")),
            (Holder::Program(command), _) if is_one_word(command) => {
                filters.push(format!("--command {command}"));
            }
            _ => {}
        }
        match self.place {
            Place::Port(port) => filters.push(format!("--local :{port}")),
            Place::Remote(remote) => filters.push(format!("--peer {remote}")),
            Place::Remotes | Place::Anywhere => {}
        }
        if filters.is_empty() {
            // Never a command that would mean every connection on the host.
            let mut peers: Vec<_> = self.sockets.iter().map(|s| canonical(s.remote)).collect();
            peers.sort_unstable();
            peers.dedup();
            let peers = peers.iter().take(8);
            filters.extend(peers.map(|peer| format!("--peer {peer}")));
        }
        filters.join(" ")
    }

    /// [`trace`] of one of these connections.
    pub(crate) fn trace(&self) -> String {
        let first = self.sockets.first();
        first.map_or_else(
            || "`ayt trace FILTERS`".to_owned(),
            |one| commands::trace(one),
        )
    }

    /// A finding about all of them, with their count; `note` sets each apart.
    pub(crate) fn finding(
        &self,
        rule: &Rule,
        severity: Severity,
        summary: String,
        note: impl Fn(&Socket) -> String,
    ) -> Finding {
        let finding = Finding::new(rule, severity, summary)
            .evidence("count", Value::Count(self.count() as u64));
        self.sockets.iter().fold(finding, |finding, &socket| {
            finding.socket_with_note(self.facts, socket, note(socket))
        })
    }

    /// Least and most of a time over the connections that have it.
    pub(crate) fn span(&self, time: impl Fn(&Socket) -> Option<u64>) -> Option<Span> {
        Span::of(self.sockets.iter().filter_map(|socket| time(socket)))
    }

    fn pids(&self) -> Vec<u32> {
        let owners = self.sockets.iter();
        let mut pids: Vec<_> = owners
            .filter_map(|socket| self.facts.owners_of(socket).first())
            .map(|owner| owner.pid)
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }
}

/// A word that a shell and ayt's own options take as it stands. A process
/// chooses its name: a command to paste must not run it.
pub(crate) fn is_one_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._/:@+-".contains(c))
}

/// Least and most of several times, ms. Prints "2m", or "2m to 1h30m".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Span {
    pub(crate) fn of(times: impl IntoIterator<Item = u64>) -> Option<Self> {
        times.into_iter().fold(None, |span: Option<Self>, time| {
            let span = span.unwrap_or(Self {
                least: time,
                most: time,
            });
            Some(Self {
                least: span.least.min(time),
                most: span.most.max(time),
            })
        })
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (least, most) = (Ms(self.least).to_string(), Ms(self.most).to_string());
        f.write_str(&least)?;
        if least != most {
            write!(f, " to {most}")?;
        }
        Ok(())
    }
}

/// Tells incoming connections from outgoing ones.
pub(crate) struct Services<'a> {
    facts: &'a HostFacts,
    ranges: Vec<Option<(u16, u16)>>,
}

impl<'a> Services<'a> {
    pub(crate) fn of(facts: &'a HostFacts) -> Self {
        let namespaces = facts.namespaces.iter();
        Self {
            facts,
            ranges: namespaces.map(|ns| ns.sysctls.port_range()).collect(),
        }
    }

    /// The local port of an incoming connection: it has a listener; or, where
    /// the listener has gone, its own port is no ephemeral one and the peer's
    /// is, or only its own is a well-known one.
    pub(crate) fn port(&self, socket: &Socket) -> Option<u16> {
        let (local, remote) = (socket.local.port(), socket.remote.port());
        let range = self.ranges.get(usize::from(socket.ns.0)).copied().flatten();
        let served = range.is_some_and(|(first, last)| {
            let ephemeral_peer = remote >= first || (local < 1024 && remote >= 1024);
            !(first..=last).contains(&local) && ephemeral_peer
        });
        (served || self.facts.listener_of(socket).is_some()).then_some(local)
    }
}

/// IPv4-mapped addresses as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A limit in milliseconds.
pub(crate) fn ms(limit: Duration) -> u64 {
    Ms::from(limit).0
}

/// Milliseconds since anything came from the peer.
pub(crate) fn heard_ms(socket: &Socket) -> Option<u64> {
    socket.tcp.as_ref().map(|tcp| u64::from(tcp.heard_ms()))
}

#[cfg(test)]
mod tests;
