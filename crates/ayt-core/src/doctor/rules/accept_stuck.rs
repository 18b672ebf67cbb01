//! `accept-stuck`: clients connect, and the program never takes them.

mod culprit;
#[cfg(test)]
mod tests;
mod threads;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rustc_hash::FxHashSet;

use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::fact::Partial;
use crate::facts::{HostFacts, NsId, SecondLook, Socket};
use crate::tcp_state::TcpState;
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

/// Gone connections must be younger than one that still waits by this much, so
/// that the time a dump takes cannot turn their order round.
const ORDER_MARGIN_MS: u64 = 1_000;

/// The accept queue of an address: one listener, or several by SO_REUSEPORT.
#[derive(Default)]
struct Queue<'a> {
    listeners: Vec<&'a Socket>,
    waiting: Vec<&'a Socket>,
}

/// A queue of which nothing was taken between the looks.
struct Stuck<'a> {
    listeners: Vec<&'a Socket>,
    /// Who waits, and for how long; the oldest first.
    waiting: Vec<(&'a Socket, u64)>,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    let mut queues: BTreeMap<(NsId, SocketAddr), Queue<'_>> = BTreeMap::new();
    let mut stray = Vec::new();
    for socket in facts
        .sockets
        .iter()
        .filter(|socket| socket.never_accepted())
    {
        match facts.listener_of(socket) {
            Some(listener) => {
                let key = (listener.ns, listener.local);
                queues.entry(key).or_default().waiting.push(socket);
            }
            None => stray.push(socket),
        }
    }
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
    if queues.is_empty() {
        return outcome;
    }
    for listener in facts
        .sockets
        .iter()
        .filter(|one| one.state == TcpState::Listen)
    {
        if let Some(queue) = queues.get_mut(&(listener.ns, listener.local)) {
            queue.listeners.push(listener);
        }
    }
    let stuck: Vec<Stuck<'_>> = queues
        .values()
        .filter_map(|queue| stuck(queue, second))
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

impl Stuck<'_> {
    /// Processes that hold the listeners, each once, in order.
    fn pids(&self, facts: &HostFacts) -> Vec<u32> {
        let mut pids: Vec<u32> = self
            .listeners
            .iter()
            .flat_map(|listener| facts.owners_of(listener))
            .map(|owner| owner.pid)
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    fn oldest(&self) -> u64 {
        self.waiting.first().map_or(0, |&(_, ms)| ms)
    }
}

/// Whether nothing was taken from a queue between the looks.
fn stuck<'a>(queue: &Queue<'a>, second: &SecondLook) -> Option<Stuck<'a>> {
    let (still, gone): (Vec<&Socket>, Vec<&Socket>) = queue
        .waiting
        .iter()
        .partition(|socket| still_waits(socket, second));
    if still.is_empty() {
        return None;
    }
    let listeners = match queue.listeners.as_slice() {
        all if gone.is_empty() => {
            // A neighbour whose own queue is empty has done nothing wrong.
            let held: Vec<&Socket> = all
                .iter()
                .copied()
                .filter(|listener| listener.receive_queue > 0)
                .collect();
            if held.is_empty() { all.to_vec() } else { held }
        }
        [one] => {
            let age = |socket: &&Socket| socket.age_at_least_ms().unwrap_or(0);
            let head = still.iter().map(age).max()?;
            let behind = |socket: &Socket| age(&socket).saturating_add(ORDER_MARGIN_MS) <= head;
            if !gone.iter().all(|socket| behind(socket)) {
                return None;
            }
            vec![*one]
        }
        many => proved_by_counts(many, queue.waiting.len(), still.len(), second)?,
    };
    let mut waiting: Vec<(&Socket, u64)> = still
        .into_iter()
        .map(|socket| (socket, waits_ms(socket, second)))
        .collect();
    waiting.sort_by_key(|&(socket, ms)| (std::cmp::Reverse(ms), socket.cookie));
    Some(Stuck { listeners, waiting })
}

/// Listeners on one address of which the lengths of the queues prove that
/// nothing was taken: even if every other one kept as much as it could, as many
/// connections are left over as this one had.
fn proved_by_counts<'a>(
    listeners: &[&'a Socket],
    waiting: usize,
    still: usize,
    second: &SecondLook,
) -> Option<Vec<&'a Socket>> {
    let first_length = |listener: &Socket| u64::from(listener.receive_queue);
    let kept_at_most = |listener: &Socket| {
        let now = second.sockets.get(&listener.cookie);
        now.map_or(0, |now| u64::from(now.receive_queue))
            .min(first_length(listener))
    };
    let all_first: u64 = listeners.iter().map(|one| first_length(one)).sum();
    let all_kept: u64 = listeners.iter().map(|one| kept_at_most(one)).sum();
    if waiting as u64 > all_first {
        return None; // the lengths were read before some of the connections came
    }
    let proved: Vec<&Socket> = listeners
        .iter()
        .copied()
        .filter(|one| {
            let others = all_kept - kept_at_most(one);
            one.receive_queue > 0 && (still as u64).saturating_sub(others) >= first_length(one)
        })
        .collect();
    (!proved.is_empty()).then_some(proved)
}

fn still_waits(socket: &Socket, second: &SecondLook) -> bool {
    second
        .sockets
        .get(&socket.cookie)
        .is_some_and(Socket::never_accepted)
}

/// How long a connection has waited at the second look.
fn waits_ms(socket: &Socket, second: &SecondLook) -> u64 {
    let now = second.sockets.get(&socket.cookie);
    now.and_then(Socket::age_at_least_ms).unwrap_or_else(|| {
        let first = socket.age_at_least_ms().unwrap_or(0);
        first.saturating_add(Ms::from(second.after).0)
    })
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
    match &culprit.remedy {
        Some(remedy) => finding.remedy(remedy.clone()),
        None => finding,
    }
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
