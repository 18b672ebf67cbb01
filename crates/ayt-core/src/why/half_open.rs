//! The peer is gone without a word, and the program does not know: a pool of dead
//! connections, or one that somebody waits for.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::graph::{Relation, text};
use super::told::Cause;
use super::waits::{Wait, peer_remedy, threads, wait};
use super::{Case, Rule, words};
use crate::cause::Cause as End;
use crate::doctor::group::canonical;
use crate::doctor::{Severity, Value};
use crate::duration::Ms;
use crate::facts::Socket;
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "half-open",
    summary: "the peer is gone without a word, and the program does not know",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let gone = |socket: &Socket| {
        let verdict = case.facts.verdict_of(socket);
        matches!(verdict, Some(Verdict::Dead(cause)) if *cause != End::PeerReset)
    };
    let groups = held(case, gone).into_iter();
    groups
        .map(|group| {
            let asks = group
                .sockets
                .iter()
                .filter_map(|one| case.facts.inside.asks.get(&one.cookie))
                .max()
                .copied()
                .unwrap_or_default();
            let each = match group.sockets.len() {
                1 => "",
                _ => " on each",
            };
            let unreachable = group.sockets.iter().any(|one| {
                let verdict = case.facts.verdict_of(one);
                matches!(verdict, Some(Verdict::Dead(End::Unreachable)))
            });
            let router = match unreachable {
                true => {
                    "; the network says that it cannot be reached (ICMP, or nobody answers ARP)"
                }
                false => "",
            };
            let mut cause = tell_group(case, &RULE, &group, |what, _| {
                format!("{what}: asked {asks} times{each}, it is silent (half-open){router}.")
            });
            undelivered(&mut cause, &group);
            pool(case, &mut cause, &group);
            blocked_on(case, &mut cause, &group);
            cause
        })
        .collect()
}

/// Dead connections of one process to one peer or service.
pub(super) struct Group<'a> {
    pub(super) pid: Option<u32>,
    pub(super) to: To,
    pub(super) sockets: Vec<&'a Socket>,
}

/// What the program holds them to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum To {
    /// It connected to this server.
    Server(SocketAddr),
    /// Clients at this address connected to this port of its.
    Client(u16, IpAddr),
}

/// The subject's connections of which this holds, and that no earlier rule has
/// told.
pub(super) fn held<'a>(case: &Case<'a>, holds: impl Fn(&Socket) -> bool) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(Option<u32>, To), Vec<&Socket>> = BTreeMap::new();
    for &socket in &case.connections {
        if case.explained.contains(&socket.cookie) || !holds(socket) {
            continue;
        }
        let pid = case.facts.owners_of(socket).first().map(|owner| owner.pid);
        let to = match case.facts.listener_of(socket) {
            Some(_) => To::Client(socket.local.port(), socket.remote.ip().to_canonical()),
            None => To::Server(canonical(socket.remote)),
        };
        groups.entry((pid, to)).or_default().push(socket);
    }
    let groups = groups.into_iter();
    groups
        .map(|((pid, to), sockets)| Group { pid, to, sockets })
        .collect()
}

/// Says who holds them to whom; `says` makes the sentence out of that.
pub(super) fn tell_group(
    case: &Case<'_>,
    rule: &Rule,
    group: &Group<'_>,
    says: impl Fn(&str, &str) -> String,
) -> Cause {
    let mut cause = Cause::new(rule, Severity::Critical);
    let who = match group.pid {
        Some(pid) => words::program(case.facts, pid),
        None => words::HIDDEN.to_owned(),
    };
    let count = group.sockets.len();
    let queued = group.sockets.iter().all(|one| one.never_accepted());
    let (what, them) = match (group.to, count) {
        (To::Client(port, client), 1) if queued => (
            format!("The client {client} that waits to be accepted on :{port} is gone"),
            "the connection",
        ),
        (To::Client(port, client), _) if queued => (
            format!(
                "The client {client}, of which {count} connections wait to be accepted on \
                 :{port}, is gone"
            ),
            "them",
        ),
        (To::Server(server), 1) => (
            format!("The peer of {who}'s connection to {server} is gone"),
            "it",
        ),
        (To::Server(server), _) => (
            format!("The peer of {count} connections of {who} to {server} is gone"),
            "them",
        ),
        (To::Client(port, client), 1) => (
            format!("The client {client} that {who} serves on :{port} is gone"),
            "the connection",
        ),
        (To::Client(port, client), _) => (
            format!(
                "The client {client}, of which {who} holds {count} connections on :{port}, is gone"
            ),
            "them",
        ),
    };
    cause.says(says(&what, them));
    let heard = group.sockets.iter().filter_map(|one| one.tcp.as_ref());
    let heard: Vec<u64> = heard.map(|tcp| u64::from(tcp.heard_ms())).collect();
    let fds: Vec<u32> = group
        .sockets
        .iter()
        .flat_map(|one| case.facts.owners_of(one))
        .filter(|owner| Some(owner.pid) == group.pid)
        .map(|owner| owner.fd)
        .collect();
    cause
        .counted("connections", count)
        .shown("descriptors", Value::Text(words::ranges(fds)));
    // Of a socket without an account it is not known.
    if let Some(longest) = heard.iter().copied().max() {
        cause.shown("heard_last_at_most_ms", Value::Millis(longest));
    }
    for socket in &group.sockets {
        cause.explains.push(socket.cookie);
    }
    for &socket in group.sockets.iter().take(words::SHOWN) {
        cause.graph.asked(case.facts, socket);
        for owner in case.facts.owners_of(socket) {
            cause.graph.descriptor(case.facts, owner, socket);
        }
    }
    if let Some(socket) = group.sockets.first()
        && rule.id == RULE.id
    {
        let filters = match group.to {
            To::Client(port, client) if count > 1 => {
                words::filters_from(case.facts, group.pid, socket, port, client)
            }
            _ => words::filters(case.facts, group.pid, socket),
        };
        if queued {
            cause.remedy(format!(
                "`ayt reap {filters} --yes` ends it, before it is accepted and holds the program up"
            ));
            return cause;
        }
        for remedy in peer_remedy(case, &filters, socket) {
            cause.remedy(remedy);
        }
    }
    cause
}

/// What was written to it, and never came there.
fn undelivered(cause: &mut Cause, group: &Group<'_>) {
    let queued: u64 = group
        .sockets
        .iter()
        .map(|one| u64::from(one.send_queue))
        .sum();
    if queued == 0 {
        return;
    }
    let again = group.sockets.iter().filter_map(|one| one.tcp.as_ref());
    let again = again.map(|tcp| tcp.retransmits).max().unwrap_or_default();
    cause.says(format!(
        "{queued} B were written to it and are not acknowledged{}.",
        match again {
            0 => String::new(),
            1 => ", though sent again".to_owned(),
            n => format!(", though sent {n} times again"),
        }
    ));
    cause.shown("undelivered_bytes", Value::Bytes(queued));
}

/// How many of a pool are dead, and how many live.
fn pool(case: &Case<'_>, cause: &mut Cause, group: &Group<'_>) {
    let To::Server(server) = group.to else { return };
    let same = case.connections.iter().filter(|one| {
        canonical(one.remote) == server
            && one.state.can_be_asked()
            && !group.sockets.iter().any(|dead| dead.cookie == one.cookie)
    });
    let others: Vec<&&Socket> = same.collect();
    let alive = |one: &&&&Socket| {
        let verdict = case.facts.verdict_of(one);
        matches!(verdict, Some(Verdict::Alive { .. }))
    };
    let living = others.iter().filter(alive).count();
    if others.is_empty() {
        if group.sockets.len() > 1 {
            cause.says(
                "They are the whole pool: whatever needs that server writes into nothing and \
                 waits.",
            );
        }
    } else if living == 0 {
        cause.says(match others.len() {
            1 => "The other one to the same server was not asked.".to_owned(),
            n => format!("The {n} others to the same server were not asked."),
        });
        cause.counted("alive", 0);
    } else {
        cause.says(format!(
            "Of the others to the same server {living} answered{}: the pool hands out dead ones \
             and living ones.",
            match others.len() - living {
                0 => String::new(),
                1 => " and 1 was not asked".to_owned(),
                n => format!(" and {n} were not asked"),
            }
        ));
        cause.counted("alive", living);
    }
    cause.remedy(
        "let the pool test a connection before it hands it out, and bound its age; keepalive \
         shorter than the idle time finds dead ones by itself (`ayt plan`)",
    );
}

/// Threads that sit on one of these connections.
pub(super) fn blocked_on(case: &Case<'_>, cause: &mut Cause, group: &Group<'_>) {
    let Some(pid) = group.pid else { return };
    let mut on: Vec<(u32, Option<u64>)> = Vec::new();
    for (_, detail) in threads(case, &[pid]) {
        if let Wait::Connection(call, owner, socket) = wait(case, pid, detail)
            && group.sockets.iter().any(|one| one.cookie == socket.cookie)
        {
            let tid = detail.thread.tid;
            on.push((tid, case.blocked_ms(detail)));
            let to = format!("descriptor:{pid}/{}", owner.fd);
            let thread = cause.graph.node(
                super::Kind::Thread,
                format!("{pid}/{tid}"),
                format!("thread {tid} ({})", detail.thread.name),
                Vec::new(),
            );
            let call = vec![text("call", call.to_string())];
            cause.graph.edge(&thread, Relation::BlockedIn, &to, call);
        }
    }
    let longest = on.iter().filter_map(|&(_, ms)| ms).max();
    let span = longest.map_or_else(String::new, |ms| format!(" for {}", Ms(ms)));
    match on.as_slice() {
        [] => {}
        [(tid, _)] => {
            cause.says(format!("Its thread {tid} has waited there{span}."));
        }
        all => {
            cause.says(format!(
                "{} of its threads wait there, the longest{span}.",
                all.len()
            ));
        }
    }
}
