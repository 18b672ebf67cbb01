//! A connection cannot be made: nothing answers the SYN.

use std::collections::BTreeMap;

use super::graph::{Relation, text};
use super::told::Cause;
use super::waits::{Wait, threads, wait};
use super::{Case, Rule, words};
use crate::doctor::group::canonical;
use crate::doctor::{Severity, Value};
use crate::duration::Ms;
use crate::facts::Socket;
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "firewall-drop",
    summary: "nothing answers the SYN: a firewall drops it, or the host is gone",
    check,
};

/// So many SYNs without an answer: one may be lost.
const TOLD_FROM: u8 = 2;

fn check(case: &Case<'_>) -> Vec<Cause> {
    let mut groups: BTreeMap<_, Vec<&Socket>> = BTreeMap::new();
    for &socket in &case.connections {
        let silent = socket.state == TcpState::SynSent && syns(socket) >= TOLD_FROM;
        if silent && !case.explained.contains(&socket.cookie) {
            let pid = case.facts.owners_of(socket).first().map(|owner| owner.pid);
            let key = (pid, canonical(socket.remote));
            groups.entry(key).or_default().push(socket);
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|((pid, remote), sockets)| {
            let who = match pid {
                Some(pid) => words::program(case.facts, pid),
                None => words::HIDDEN.to_owned(),
            };
            let mut cause = Cause::new(&RULE, Severity::Critical);
            let most = sockets
                .iter()
                .map(|one| syns(one))
                .max()
                .unwrap_or_default();
            cause.says(format!(
                "{who} cannot connect to {remote}: {} sent {} and nothing came back, neither \
                 SYN-ACK nor RST nor ICMP. A firewall drops them, or no host has that address.",
                match sockets.len() {
                    1 => "its SYN was".to_owned(),
                    n => format!("the SYNs of {n} connections were"),
                },
                times(u32::from(most) + 1)
            ));
            cause
                .counted("connections", sockets.len())
                .shown("retransmissions_at_most", Value::Count(most.into()));
            for socket in sockets.iter().take(words::SHOWN) {
                cause.graph.socket(socket);
                for owner in case.facts.owners_of(socket) {
                    cause.graph.descriptor(case.facts, owner, socket);
                }
            }
            cause.explains.extend(sockets.iter().map(|one| one.cookie));
            if let Some(pid) = pid {
                behind(case, &mut cause, pid, &sockets);
            }
            answered(case, &mut cause, &sockets);
            cause.remedy(format!(
                "look for the rule that drops it, here{} and at {}: `nft list ruleset`, security \
                 groups of the cloud; `ip route get {}` shows the way it takes",
                inside(case, sockets.first()),
                remote.ip(),
                remote.ip()
            ));
            cause.remedy("give the program a connect timeout: the kernel itself tries for minutes");
            cause
        })
        .collect()
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

fn syns(socket: &Socket) -> u8 {
    let counted = socket.tcp.as_ref().map_or(0, |tcp| tcp.retransmits);
    counted.max(socket.timer.count)
}

/// Where "here" is, if not where ayt runs.
fn inside(case: &Case<'_>, socket: Option<&&Socket>) -> String {
    let ns = socket.and_then(|socket| case.facts.namespace(socket.ns));
    let ns = ns.filter(|ns| ns.name != "host");
    let owner = socket.and_then(|socket| case.facts.owners_of(socket).first());
    match (ns, owner) {
        (Some(_), Some(owner)) => {
            format!(" (`nsenter -t {} -n nft list ruleset`)", owner.pid)
        }
        (Some(ns), None) => format!(" (in network namespace {})", ns.name),
        (None, _) => String::new(),
    }
}

/// Threads that sit in connect, and who waits for them.
fn behind(case: &Case<'_>, cause: &mut Cause, pid: u32, sockets: &[&Socket]) {
    let mut on: Vec<String> = Vec::new();
    for (_, detail) in threads(case, &[pid]) {
        if let Wait::Connection(call, owner, socket) = wait(case, pid, detail)
            && sockets.iter().any(|one| one.cookie == socket.cookie)
        {
            let span = case.blocked_ms(detail);
            let span = span.map_or_else(String::new, |ms| format!(" {}", words::span(ms)));
            on.push(format!(
                "thread {} in {}{span}",
                detail.thread.tid, call.name
            ));
            let thread = format!("thread:{pid}/{}", detail.thread.tid);
            cause.graph.node(
                super::Kind::Thread,
                format!("{pid}/{}", detail.thread.tid),
                format!("thread {}", detail.thread.tid),
                Vec::new(),
            );
            let to = format!("descriptor:{pid}/{}", owner.fd);
            let call = vec![text("call", call.to_string())];
            cause.graph.edge(&thread, Relation::BlockedIn, &to, call);
        }
    }
    if !on.is_empty() {
        cause.says(format!("Behind it sits {}.", words::list(&on)));
    }
}

/// Whether others reach the same host. What was heard before the first SYN shows
/// nothing: the host may have gone meanwhile.
fn answered(case: &Case<'_>, cause: &mut Cause, sockets: &[&Socket]) {
    let Some(first) = sockets.first() else { return };
    let peer = first.remote.ip().to_canonical();
    let since_ms = sockets.iter().map(|one| at_least_ms(syns(one))).max();
    let open = case.facts.sockets.iter().filter(|one| {
        one.state == TcpState::Established
            && one.remote.ip().to_canonical() == peer
            && one.ns == first.ns
    });
    let heard = open.filter_map(|one| Some((u64::from(one.tcp.as_ref()?.heard_ms()), one)));
    let Some((heard_ms, other)) = heard.min_by_key(|&(ms, one)| (ms, one.cookie)) else {
        return;
    };
    let how = match case.facts.listener_of(other) {
        Some(_) => "is connected here".to_owned(),
        None => format!("is reached on port {}", other.remote.port()),
    };
    if Some(heard_ms) < since_ms {
        cause.says(format!(
            "The same host {how}: so it is there, and the port is filtered."
        ));
    } else {
        cause.says(format!(
            "Another connection to that host is open, last heard {} ago.",
            Ms(heard_ms)
        ));
        cause.remedy(format!(
            "`ayt probe --peer {peer}` tells whether the host is there at all: then only the port \
             is filtered"
        ));
    }
}

/// The first of so many SYNs sent again is at least so old: they are a second apart at
/// first and twice as long each time, or less (tcp_syn_linear_timeouts, Linux 6.5).
fn at_least_ms(retransmits: u8) -> u64 {
    1000 * u64::from(retransmits)
}
