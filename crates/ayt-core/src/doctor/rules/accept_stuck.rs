//! `accept-stuck`: clients connect, and the program never takes them.

mod culprit;
#[cfg(test)]
mod tests;
mod threads;

use rustc_hash::FxHashSet;

use crate::doctor::queue::{Queues, Stuck, still_waits};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value, commands};
use crate::duration::Ms;
use crate::fact::Partial;
use crate::facts::{HostFacts, SecondLook, Socket};
use culprit::Culprit;
use threads::Descriptors;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "accept-stuck",
    summary: "a program does not accept the connections that wait for it",
    explanation: "\
The kernel completes a client's handshake by itself and puts the connection into \
the listener's accept queue: the client sees ESTABLISHED, and so does netstat, but \
the program has not seen it yet. A program that serves one client after another, or \
whose workers all sit in a read, write or close on connections whose peers are gone, \
never comes back to accept(2). A handful of half-open connections is enough, the \
queue need not be full, and nothing is logged.

ayt looks twice. It accuses a listener only if connections waited in the first look \
and not one of them had been taken in the second: the same cookies still wait. The \
queue is first in, first out, so a connection that has gone while an older one still \
waits was reset by its client, not accepted. A busy server shows a full queue in \
every look, but of other connections. Where several listeners share one address \
(SO_REUSEPORT) the kernel does not say which of them a connection waits on; then the \
lengths of their queues must prove it.

What blocks it is read from /proc/PID/task/TID/syscall: the thread that sits in a call \
on a connection is named before one that runs, and that before one that waits for \
events. It may be wrong where a program leaves a queue alone on purpose (it has as \
many clients as it wants), or takes longer over one client than the time between \
the looks: then the thread is shown as running, or its connection as just heard from.

Sources: listen(2), accept(2); net/ipv4/inet_connection_sock.c \
(inet_csk_reqsk_queue_add, inet_csk_accept).",
    remedy: "free the thread that blocks: `ayt probe` tells whether its peer is gone, \
`ayt reap FILTERS --yes` ends a connection that is dead; then give the program read and \
write timeouts, or `ayt arm` its connections, so that one dead peer cannot hold up all \
others",
    check,
};

/// Clients that wait this long give up: it hurts, whatever the reason. Half of
/// the 10 s that many clients take as their connect timeout.
const LONG_WAIT_MS: u64 = 5_000;

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    let Queues { queues, stray } = Queues::of(facts);
    let Some(second) = &facts.second_look else {
        let waiting = stray.len()
            + queues
                .values()
                .map(|queue| queue.waiting.len())
                .sum::<usize>();
        outcome.unknown.extend(one_look_only(waiting));
        return outcome;
    };
    outcome.unknown.extend(no_listener(&stray, second));
    let stuck: Vec<Stuck<'_>> = queues
        .values()
        .filter_map(|queue| queue.stuck(second))
        .collect();
    let pids: FxHashSet<u32> = stuck.iter().flat_map(|stuck| stuck.pids(facts)).collect();
    let descriptors = Descriptors::of(facts, &pids);
    for stuck in &stuck {
        let culprit = Culprit::find(facts, &stuck.listeners, &stuck.pids(facts), &descriptors);
        outcome.unknown.extend(culprit.unknown.clone());
        outcome
            .findings
            .push(finding(facts, limits, second, stuck, &culprit));
    }
    outcome
}

fn finding(
    facts: &HostFacts,
    limits: &Limits,
    second: &SecondLook,
    stuck: &Stuck<'_>,
    culprit: &Culprit<'_>,
) -> Finding {
    let listener = stuck.listeners.first();
    let address = listener.map_or_else(String::new, |one| one.local.to_string());
    let oldest = Ms(stuck.oldest());
    let count = stuck.waiting.len();
    let wait = match count {
        1 => format!("1 connection has waited for {oldest}"),
        _ => format!("{count} connections wait, the oldest for {oldest}"),
    };
    let summary = format!(
        "{} does not accept on {address}: {}; {wait}",
        culprit.who, culprit.clause
    );
    let queue_now = |one: &Socket| {
        second
            .sockets
            .get(&one.cookie)
            .map_or(0, |one| one.receive_queue)
    };
    let length: u64 = stuck
        .listeners
        .iter()
        .map(|one| u64::from(queue_now(one)))
        .sum();
    let backlog: u64 = stuck
        .listeners
        .iter()
        .map(|one| u64::from(one.send_queue))
        .sum();
    let mut finding = Finding::new(&RULE, severity(limits, oldest, culprit), summary)
        .evidence("listener", Value::Text(address))
        .evidence("waiting", Value::Count(count as u64))
        .evidence("oldest_waits_ms", Value::Millis(oldest.0))
        .evidence("looks_apart_ms", Value::Millis(Ms::from(second.after).0))
        .evidence("queue_length", Value::Count(length))
        .evidence("backlog", Value::Count(backlog));
    finding.evidence.extend(culprit.evidence.iter().cloned());
    for listener in &stuck.listeners {
        finding.owners.extend_from_slice(facts.owners_of(listener));
    }
    for &(socket, ms) in &stuck.waiting {
        finding = finding.socket_with_note(facts, socket, format!("waits for {}", Ms(ms)));
    }
    if let Some((owner, socket)) = culprit.connection {
        finding = finding.socket_with_note(facts, socket, culprit.note.clone());
        // The thread's own descriptor, not those of others that hold the same socket.
        finding
            .owners
            .retain(|one| one.inode != owner.inode || *one == owner);
    }
    let remedy = culprit.remedy.as_ref().unwrap_or(&finding.remedy);
    let whole = listener.map_or_else(String::new, |one| {
        let why = commands::why(facts, one.ns, &format!(":{}", one.local.port()));
        format!("; {why} tells the whole chain")
    });
    let remedy = format!("{remedy}{whole}");
    finding.remedy(remedy)
}

fn severity(limits: &Limits, oldest: Ms, culprit: &Culprit<'_>) -> Severity {
    let long = if culprit.busy {
        Ms::from(limits.stuck_after).0
    } else {
        LONG_WAIT_MS
    };
    if oldest.0 >= long || culprit.blocked(limits) {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

fn one_look_only(waiting: usize) -> Option<Partial> {
    let what = match waiting {
        0 => return None,
        1 => "whether 1 connection in an accept queue is taken".to_owned(),
        n => format!("whether {n} connections in accept queues are taken"),
    };
    Some(Partial {
        what,
        why: "there was no second look, and one cannot tell a stuck program from a busy one"
            .to_owned(),
        remedy: "run `ayt doctor` again: it looks twice where connections wait".to_owned(),
    })
}

fn no_listener(stray: &[&Socket], second: &SecondLook) -> Option<Partial> {
    let count = stray
        .iter()
        .filter(|socket| still_waits(socket, second))
        .count();
    let what = match count {
        0 => return None,
        1 => "who should accept 1 connection that waits".to_owned(),
        n => format!("who should accept {n} connections that wait"),
    };
    Some(Partial {
        what,
        why: "the listener is not among the sockets looked at".to_owned(),
        remedy: "run `ayt doctor` without filters that leave out listeners".to_owned(),
    })
}
