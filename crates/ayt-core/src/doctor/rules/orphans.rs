//! `orphans`: closed connections that the kernel cannot finish.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::fact::{Fact, Partial};
use crate::facts::{HostFacts, NsId, Socket, TimerKind};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "orphans",
    summary: "many closed connections that the kernel cannot finish",
    explanation: "\
A program that closes a connection is done with it; the kernel still has to deliver what is \
queued and the FIN. Until then the socket is an orphan: FIN_WAIT_1, CLOSING or LAST_ACK \
without a descriptor, its data in kernel memory. If the peer has vanished the kernel tries \
for about 100 s (tcp_orphan_retries 0 means 8), if the peer answers and does not read, for \
some minutes. A few young orphans are healthy: every close makes one for a round trip.

ayt reports peers that leave three or more orphans unanswered after three \
retransmissions and two seconds, or with a closed window. They end by themselves, so that \
is a notice: peers vanish, or do not read, faster than the kernel gives up. And it \
reports the sum of all orphans when it reaches half of the pressure limit, 40 % of \
tcp_max_orphans: the kernel counts an orphan that has sent nothing for long twice, and once \
more if there was a network error, so it starts to reset them from a quarter of the limit \
on (net/ipv4/tcp_timer.c, tcp_out_of_resources). From 80 % on it is critical.

The kernel counts orphans over all namespaces; ayt sums those it can see. FIN_WAIT_2 of a \
closed socket is kept in a small form that does not count as an orphan, and is left out. \
Sources: tcp(7), RFC 9293 3.6; Documentation/networking/ip-sysctl.rst.",
    remedy: "they end by themselves; when they do not go down, find who vanishes: \
`ayt list --state FIN_WAIT_1 --state LAST_ACK`, and lower net.ipv4.tcp_orphan_retries to 3",
    check,
};

/// So many retransmissions without an answer are no loss by chance: 1.4 s at the
/// smallest timeout, longer on a slow path.
const UNANSWERED: u8 = 3;

/// Fewer orphans than this are no pressure on any machine: 40 % of what the
/// kernel allows with 256 MB.
const FEW: u64 = 400;

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let mut peers: BTreeMap<(NsId, IpAddr), Vec<&Socket>> = BTreeMap::new();
    let mut total = 0u64;
    for socket in &facts.sockets {
        // The small form of FIN_WAIT_2 has no account and no data.
        let Some(tcp) = socket.tcp.filter(|_| socket.orphaned()) else {
            continue;
        };
        total += 1;
        let old = u128::from(tcp.heard_ms()) >= limits.pile_after.as_millis();
        let silent = socket.timer.kind == TimerKind::Retransmit && tcp.retransmits >= UNANSWERED;
        let shut = socket.timer.kind == TimerKind::WindowProbe
            && u128::from(tcp.last_data_sent_ms) >= limits.pile_after.as_millis();
        if socket.state != TcpState::FinWait2 && ((silent && old) || shut) {
            let peer = socket.remote.ip().to_canonical();
            peers.entry((socket.ns, peer)).or_default().push(socket);
        }
    }
    let mut outcome = Outcome::default();
    // One kernel-wide limit; each namespace may have its own copy of it.
    let limit = facts
        .namespaces
        .iter()
        .filter_map(|ns| ns.sysctls.number("ipv4/tcp_max_orphans"))
        .min();
    match limit {
        Some(limit) => outcome.findings.extend(too_many(total, limit, limits)),
        None => outcome.unknown.extend(no_limit(facts, total)),
    }
    outcome.findings.extend(
        peers
            .iter()
            .filter(|(_, sockets)| sockets.len() >= limits.pile)
            .map(|((_, peer), sockets)| pile(facts, *peer, sockets)),
    );
    outcome
}

fn too_many(total: u64, limit: u64, limits: &Limits) -> Option<Finding> {
    let percent = u128::from(total) * 100 / u128::from(limit.max(1));
    if total == 0 || percent * 2 < u128::from(limits.pressure_percent) {
        return None;
    }
    let severity = if percent >= u128::from(limits.pressure_percent) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let plural = if total == 1 { " is" } else { "s are" };
    let text = format!(
        "{total} closed connection{plural} not finished, {percent} % of the {limit} orphans the \
         kernel keeps before it resets them"
    );
    Some(
        Finding::new(&RULE, severity, text)
            .evidence("orphans", Value::Count(total))
            .evidence("max_orphans", Value::Count(limit))
            .evidence(
                "percent",
                Value::Count(u64::try_from(percent).unwrap_or(u64::MAX)),
            )
            .remedy(
                "`sysctl -w net.ipv4.tcp_orphan_retries=3` ends them sooner (about 3 s without \
                 an answer instead of 100 s); see whose they are: `ayt list --state FIN_WAIT_1 \
                 --state LAST_ACK`",
            ),
    )
}

fn pile(facts: &HostFacts, peer: IpAddr, sockets: &[&Socket]) -> Finding {
    let mut states: BTreeMap<TcpState, usize> = BTreeMap::new();
    let mut queued = 0u64;
    let mut longest = 0u64;
    let mut shut = 0usize;
    for socket in sockets {
        *states.entry(socket.state).or_default() += 1;
        queued += u64::from(socket.send_queue);
        shut += usize::from(socket.timer.kind == TimerKind::WindowProbe);
        longest = longest.max(socket.tcp.map_or(0, |tcp| quiet_ms(socket, tcp.heard_ms())));
    }
    let states: Vec<String> = states
        .iter()
        .map(|(state, count)| format!("{state} {count}"))
        .collect();
    let count = sockets.len();
    let does = if shut * 2 > count { "read" } else { "answer" };
    let plural = if count == 1 { "" } else { "s" };
    let mut finding = Finding::new(
        &RULE,
        Severity::Notice,
        format!(
            "{peer} does not {does}: {count} connection{plural} to it closed here cannot be \
             finished ({}), the oldest for {}",
            states.join(", "),
            Ms(longest)
        ),
    )
    .evidence("count", Value::Count(count as u64))
    .evidence("queued_bytes", Value::Bytes(queued))
    .evidence("oldest_ms", Value::Millis(longest))
    .evidence("closed_window", Value::Count(shut as u64));
    for socket in sockets {
        let note = socket.tcp.map_or_else(String::new, |tcp| {
            format!(
                "{} B queued, {} retransmissions, {} for {}",
                socket.send_queue,
                tcp.retransmits,
                if socket.timer.kind == TimerKind::WindowProbe {
                    "no window"
                } else {
                    "silent"
                },
                Ms(quiet_ms(socket, tcp.heard_ms()))
            )
        });
        finding = finding.socket_with_note(facts, socket, note);
    }
    finding.remedy(format!(
        "`ayt list --peer {peer}` shows what else goes there; the kernel ends these by itself, \
         sooner with `sysctl -w net.ipv4.tcp_orphan_retries=3`"
    ))
}

/// How long an orphan has waited: for an answer, or for a window.
fn quiet_ms(socket: &Socket, heard_ms: u32) -> u64 {
    let shut = socket.timer.kind == TimerKind::WindowProbe;
    let sent = socket.tcp.map_or(0, |tcp| tcp.last_data_sent_ms);
    u64::from(if shut { sent } else { heard_ms })
}

fn no_limit(facts: &HostFacts, total: u64) -> Option<Partial> {
    if total < FEW {
        return None;
    }
    let setting = facts
        .namespaces
        .iter()
        .find_map(|ns| ns.sysctls.0.get("ipv4/tcp_max_orphans").and_then(Fact::why));
    Some(Partial {
        what: format!("whether {total} orphaned sockets are too many"),
        why: setting.map_or_else(
            || "net.ipv4.tcp_max_orphans was not read".to_owned(),
            |why| format!("net.ipv4.tcp_max_orphans: {why}"),
        ),
        remedy: "run ayt on the host itself rather than in a container".to_owned(),
    })
}
