//! `ghost-family`: a device that restarted again and again, and left its former
//! connections behind.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use crate::doctor::group::{Group, Services, Span, by_service, heard_ms, ms};
use crate::doctor::guard::{Guard, guard_of};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket};
use crate::tcp_state::TcpState;
use crate::verdict::Verdict;

/// So many connections make a family.
const FAMILY: usize = 3;
/// The others are quiet at least this many times as long as the newest.
const QUIETER: u64 = 10;
/// A device takes at least this long to fall silent and come back.
const RESTART_MS: u64 = 1000;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "ghost-family",
    summary: "one peer holds many connections to a service, and only the newest lives",
    explanation: "\
A device that loses power or its radio link sends no FIN. It comes back with a new \
connection, and the old one stays here, ESTABLISHED, a ghost; after the next \
restart two. A server that gives each connection a thread, or allows one session \
per device, drowns in them.

ayt looks at ESTABLISHED connections of one remote address to one service: at \
least three, of which the newest is in use and at least twice as many are silent, \
each for at least a minute and ten times as long as the newest, and not guarded \
by a keepalive that would soon decide by itself. Their lives must not overlap: \
one that was heard after a newer one had been opened shows that several clients \
share the address, and nothing is told. The kernel exports no birth date; each \
connection is at least as old as the longest of its quiet times, and exactly that \
old if one direction never carried data. Only then is the order proved, and the \
evidence says which it was. Connections that fell silent within one second of each \
other are no restarts either.

The known false accusation: several clients behind one address (NAT, a proxy), or \
a client's connection pool, of which one is busy and the others have rested longer \
and longer. A probe decides: `ayt doctor --probe` clears those that answer, and \
makes the finding critical where they do not.

Sources: RFC 9293 3.5.1; Linux net/ipv4/tcp_minisocks.c, \
tcp_create_openreq_child() (what the quiet times start from).",
    remedy: "`ayt probe FILTERS` asks them; `ayt reap FILTERS --yes` ends the dead; let a new \
connection of a device replace its old one, and `ayt arm FILTERS --keepalive 60/5/3`",
    check,
};

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let services = Services::of(facts);
    let mut incoming = Vec::new();
    let mut counts: FxHashMap<_, usize> = FxHashMap::default();
    for socket in &facts.sockets {
        let open = socket.state == TcpState::Established && !facts.peer_is_local(socket);
        if let Some(port) = services.port(socket).filter(|_| open) {
            let peer = socket.remote.ip().to_canonical();
            *counts.entry((socket.ns, port, peer)).or_default() += 1;
            incoming.push((socket, port, peer));
        }
    }
    let many = |&&(socket, port, peer): &&(&Socket, u16, IpAddr)| {
        counts.get(&(socket.ns, port, peer)) >= Some(&FAMILY)
    };
    let by_peer = incoming.iter().filter(many);
    let groups = by_service(facts, by_peer.map(|&(socket, _, peer)| (socket, peer)));
    let findings = groups.into_iter().filter_map(|group| {
        let family = Family::of(facts, limits, &group)?;
        Some(finding(facts, group, family))
    });
    Outcome {
        findings: findings.collect(),
        unknown: Vec::new(),
    }
}

/// Connections of one peer that look like the trace of restarts.
struct Family<'a> {
    /// Silent ones, the longest first.
    ghosts: Vec<&'a Socket>,
    /// The others.
    living: usize,
    /// Since the newest was heard.
    newest_ms: u64,
    /// The exact ages are known, so that the order is certain.
    proved: bool,
}

impl<'a> Family<'a> {
    fn of(facts: &HostFacts, limits: &Limits, group: &Group<'a, IpAddr>) -> Option<Self> {
        if group.count() < FAMILY {
            return None;
        }
        let mut members: Vec<_> = group
            .sockets
            .iter()
            .filter_map(|&socket| Some((heard_ms(socket)?, socket.cookie, socket)))
            .collect();
        members.sort_unstable_by_key(|&(heard, cookie, _)| (heard, cookie));
        let newest_ms = members.first()?.0;
        let silent_from = ms(limits.idle_after).max(newest_ms.saturating_mul(QUIETER));
        let is_ghost = |heard: u64, socket: &Socket| {
            let answered = matches!(facts.verdict_of(socket), Some(Verdict::Alive { .. }));
            heard >= silent_from && !answered && !decides_soon(facts, limits, socket)
        };
        let is_apart = |pair: &[(u64, _, &Socket)]| match pair {
            [(_, _, newer), (heard, ..)] => *heard >= least_age_ms(newer) + RESTART_MS,
            _ => true,
        };
        let mut ghosts: Vec<_> = members
            .iter()
            .filter(|&&(heard, _, socket)| is_ghost(heard, socket))
            .map(|&(_, _, socket)| socket)
            .collect();
        ghosts.reverse();
        let living = members.len() - ghosts.len();
        let is_family = living * 2 <= ghosts.len() && members.windows(2).all(is_apart);
        // The oldest has nobody to be older than.
        let newer = members.iter().take(members.len() - 1);
        let proved = newer.clone().all(|&(_, _, socket)| age_is_exact(socket));
        is_family.then_some(Self {
            ghosts,
            living,
            newest_ms,
            proved,
        })
    }
}

/// Keepalive is about to find out by itself.
fn decides_soon(facts: &HostFacts, limits: &Limits, socket: &Socket) -> bool {
    match guard_of(facts, socket) {
        Guard::On(settings) => settings.idle_detection() <= Some(limits.keepalive_budget),
        Guard::TimerRuns => u64::from(socket.timer.expires_ms) <= ms(limits.idle_after),
        Guard::Off(_) | Guard::Unknown(_) => false,
    }
}

/// No account of quiet is older than the connection.
fn least_age_ms(socket: &Socket) -> u64 {
    socket.tcp.as_ref().map_or(0, |tcp| {
        let oldest = tcp.last_data_sent_ms.max(tcp.last_data_recv_ms);
        u64::from(oldest.max(tcp.last_ack_recv_ms))
    })
}

/// A direction that never carried data has been quiet since the connection's
/// birth.
fn age_is_exact(socket: &Socket) -> bool {
    socket.tcp.as_ref().is_some_and(|tcp| {
        tcp.bytes_received == Some(0) || (tcp.bytes_acked == Some(0) && socket.send_queue == 0)
    })
}

fn finding<'a>(facts: &HostFacts, mut group: Group<'a, IpAddr>, family: Family<'a>) -> Finding {
    let dead = |socket: &&&Socket| facts.verdict_of(socket).is_some_and(Verdict::is_dead);
    let dead = family.ghosts.iter().filter(dead).count();
    let severity = if dead > 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let silent = Span::of(family.ghosts.iter().filter_map(|socket| heard_ms(socket)));
    let silent = silent.map_or_else(String::new, |silent| silent.to_string());
    let newest = match family.living {
        1 => "only the newest is".to_owned(),
        living => format!("only the newest {living} are"),
    };
    let count = family.ghosts.len();
    let asked = match dead {
        0 => format!("as if one device had restarted {count} times"),
        1 => "and 1 of them is dead".to_owned(),
        dead => format!("and {dead} of them are dead"),
    };
    let peer = group.kind;
    let summary = format!(
        "{} has {} from {peer} {}, of which {newest} in use: {count} others have been silent for \
         {silent}, {asked}",
        group.who(),
        group.connections(""),
        group.place(),
    );
    let order = if family.proved {
        "proved"
    } else {
        "not contradicted"
    };
    let filters = format!("{} --peer {peer}", group.filters());
    let all = group.count() as u64;
    group.sockets = family.ghosts;
    group
        .finding(&RULE, severity, summary, |socket| {
            let silent = heard_ms(socket);
            silent.map_or_else(String::new, |silent| format!("silent for {}", Ms(silent)))
        })
        .evidence("connections_of_the_peer", Value::Count(all))
        .evidence("newest_heard_last_ms", Value::Millis(family.newest_ms))
        .evidence("known_dead", Value::Count(dead as u64))
        .evidence("order_of_opening", Value::Text(order.to_owned()))
        .remedy(format!(
            "`ayt probe {filters}` asks them; `ayt reap {filters} --yes` ends the dead; let a new \
             connection of a device replace its old one, and `ayt arm {filters} --keepalive 60/5/3`"
        ))
}

#[cfg(test)]
mod tests;
