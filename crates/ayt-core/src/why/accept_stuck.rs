//! Clients connect, and the program never takes them: which thread sits where
//! instead.
//!
//! A program that serves one client after another takes its time over each, and
//! two looks shortly one after the other would find it guilty. So it must be shown
//! that nothing was taken for as long as a stop must last to count
//! ([`Limits::idle_after`](crate::doctor::Limits::idle_after)): by looks so far
//! apart, or by threads of which none has run for so long. Only what cannot come
//! back by itself needs no such proof.

use std::time::Duration;

use super::graph::{Kind, Relation};
use super::told::Cause;
use super::waits::{Wait, best, follow};
use super::{Case, Rule, words};
use crate::doctor::queue::{Queues, Stuck};
use crate::doctor::{Evidence, Severity, Value};
use crate::duration::Ms;
use crate::fact::Fact;
use crate::facts::{Socket, ThreadDetail};
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "accept-stuck",
    summary: "clients wait in the accept queue, and the program does not take them",
    check,
};

/// What is not for good and has lasted shorter than this may be slowness; clients
/// that wait as long give up, whatever the reason: half of the 10 s that many of them
/// take as their connect timeout.
const SLOW: Duration = Duration::from_secs(5);

fn check(case: &Case<'_>) -> Vec<Cause> {
    stuck(case)
        .into_iter()
        .filter(|stuck| {
            let told = |listener: &&Socket| case.explained.contains(&listener.cookie);
            !stuck.listeners.iter().any(told) && is_settled(case, stuck)
        })
        .map(|stuck| cause(case, &stuck))
        .collect()
}

/// A queue of the subject's of which nothing was taken between the looks, though
/// its program may merely be slow: a later second look tells.
#[must_use]
pub fn unsettled(case: &Case<'_>) -> bool {
    stuck(case).iter().any(|stuck| !is_settled(case, stuck))
}

fn is_settled(case: &Case<'_>, stuck: &Stuck<'_>) -> bool {
    let pids = stuck.pids(case.facts);
    is_for_good(case, best(case, &pids)) || taken_nothing_for(case, &pids) >= case.limits.idle_after
}

/// A thread that explains why nothing is taken, and what it waits for.
type Best<'a> = Option<(u32, &'a ThreadDetail, Wait<'a>)>;

/// Without somebody's help it does not come back.
fn is_for_good(case: &Case<'_>, best: Best<'_>) -> bool {
    match best {
        Some((_, _, Wait::Stopped(_))) => true,
        Some((_, _, Wait::Connection(_, _, socket))) => {
            let verdict = case.facts.verdict_of(socket);
            verdict.is_some_and(Verdict::is_dead)
        }
        _ => false,
    }
}

/// How long it has been blocked.
fn sits(case: &Case<'_>, best: Best<'_>) -> Duration {
    let blocked = best.filter(|(_, _, wait)| wait.is_blocked());
    let ms = blocked.and_then(|(_, detail, _)| case.blocked_ms(detail));
    Duration::from_millis(ms.unwrap_or_default())
}

/// How long it is sure that nothing was taken: between the looks, or since the
/// last thread ran that could have.
fn taken_nothing_for(case: &Case<'_>, pids: &[u32]) -> Duration {
    let between = case.facts.second_look.as_ref().map(|second| second.after);
    between.max(asleep(case, pids)).unwrap_or_default()
}

/// How long no thread of these processes has run, where all of them were read.
fn asleep(case: &Case<'_>, pids: &[u32]) -> Option<Duration> {
    let mut shortest: Option<u64> = None;
    for &pid in pids {
        let threads = case.facts.inside.threads_of(pid).ok()?;
        if threads.not_read > 0 {
            return None;
        }
        for detail in &threads.seen {
            if detail.thread.state == 'R' {
                return None;
            }
            let blocked = case.blocked_ms(detail)?;
            shortest = Some(shortest.map_or(blocked, |shortest| shortest.min(blocked)));
        }
    }
    shortest.map(Duration::from_millis)
}

/// The subject's queues of which nothing was taken between two looks.
pub(super) fn stuck<'a>(case: &Case<'a>) -> Vec<Stuck<'a>> {
    let Some(second) = &case.facts.second_look else {
        return Vec::new();
    };
    Queues::of(case.facts)
        .queues
        .values()
        .filter(|queue| {
            let ours = |one: &&Socket| case.listeners().any(|ours| ours.cookie == one.cookie);
            queue.listeners.iter().any(ours)
        })
        .filter_map(|queue| queue.stuck(second))
        .collect()
}

fn cause(case: &Case<'_>, stuck: &Stuck<'_>) -> Cause {
    let pids = stuck.pids(case.facts);
    let mut cause = Cause::new(&RULE, Severity::Critical);
    let address = stuck.listeners.first().map(|one| one.local);
    let on = address.map_or_else(String::new, |address| format!(" on {}", short(address)));
    cause.says(format!(
        "{} does not accept{on}.",
        words::programs(case.facts, &pids)
    ));
    if let Some(address) = address {
        cause.shown("listener", Value::Text(address.to_string()));
    }
    queue(case, &mut cause, stuck);
    let best = best(case, &pids);
    match best {
        Some((pid, detail, wait)) => follow(case, &mut cause, pid, detail, wait),
        None => {
            let why = pids.first().and_then(|&pid| {
                let threads = case.facts.inside.threads.get(&pid);
                threads.and_then(Fact::why).map(ToString::to_string)
            });
            let why = why.unwrap_or_else(|| "its owner is hidden".to_owned());
            cause.says(format!("What it does instead is unknown ({why})."));
            cause.remedy(
                "run `ayt why` as root, or grant CAP_SYS_PTRACE: it names the thread and what \
                 it waits for",
            );
        }
    }
    let lasts = taken_nothing_for(case, &pids);
    let slow = !is_for_good(case, best) && lasts.max(sits(case, best)) < SLOW;
    if slow {
        cause.says(format!(
            "It may merely be slow over one client: all that is sure is that it has taken nobody \
             for {}.",
            Ms::from(lasts)
        ));
    }
    let busy = best.is_some_and(|(_, _, wait)| !wait.is_blocked());
    if (slow || busy) && stuck.oldest() < Ms::from(SLOW).0 {
        cause.severity = Severity::Warning;
    }
    wait_behind(case, &mut cause, stuck);
    cause.explains_pids.extend(&pids);
    cause
}

/// ":7000" for any address, else the address.
pub(super) fn short(address: std::net::SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!(":{}", address.port())
    } else {
        address.to_string()
    }
}

/// The queue: in the graph, and as evidence of the last link.
pub(super) fn queue(case: &Case<'_>, cause: &mut Cause, stuck: &Stuck<'_>) {
    let second = case.facts.second_look.as_ref();
    let now = |one: &Socket| {
        let again = second.and_then(|second| second.sockets.get(&one.cookie));
        again.map_or(one.receive_queue, |again| again.receive_queue)
    };
    let length: u64 = stuck.listeners.iter().map(|one| u64::from(now(one))).sum();
    let backlog: u64 = stuck
        .listeners
        .iter()
        .map(|one| u64::from(one.send_queue))
        .sum();
    let apart = second.map_or(0, |second| Ms::from(second.after).0);
    cause
        .counted("waiting", stuck.waiting.len())
        .shown("oldest_waits_ms", Value::Millis(stuck.oldest()))
        .shown("queue_length", Value::Count(length))
        .shown("backlog", Value::Count(backlog))
        .shown("looks_apart_ms", Value::Millis(apart));
    for listener in &stuck.listeners {
        cause.explains.push(listener.cookie);
        let id = cause.graph.socket(listener);
        for owner in case.facts.owners_of(listener) {
            cause.graph.descriptor(case.facts, owner, listener);
        }
        let key = format!("{:x}", listener.cookie.0);
        let name = format!("accept queue of {}", listener.local);
        let evidence = vec![
            Evidence {
                name: "waiting",
                value: Value::Count(now(listener).into()),
            },
            Evidence {
                name: "backlog",
                value: Value::Count(listener.send_queue.into()),
            },
        ];
        let queue = cause.graph.node(Kind::Queue, key, name, evidence);
        cause
            .graph
            .edge(&queue, Relation::QueuesAt, &id, Vec::new());
    }
    let waiting = stuck.waiting.iter().map(|(socket, _)| socket.cookie);
    cause.explains.extend(waiting);
}

/// Who waits, whether they are still there, and whether more are dropped.
pub(super) fn wait_behind(case: &Case<'_>, cause: &mut Cause, stuck: &Stuck<'_>) {
    let oldest = Ms(stuck.oldest());
    let full = stuck
        .listeners
        .iter()
        .find(|one| one.receive_queue > one.send_queue);
    let mut says = match stuck.waiting.len() {
        1 => format!("1 client has waited for {oldest} behind it."),
        n => format!("{n} clients have waited up to {oldest} behind it."),
    };
    let waiting = stuck.waiting.iter();
    let gone: Vec<&Socket> = waiting
        .map(|&(socket, _)| socket)
        .filter(|socket| {
            let verdict = case.facts.verdict_of(socket);
            verdict.is_some_and(Verdict::is_dead)
        })
        .collect();
    if let Some(first) = gone.first() {
        says += &match (gone.len(), stuck.waiting.len()) {
            (_, 1) => " It is gone itself (asked, and silent).".to_owned(),
            (all, of) if all == of => {
                " All of them are gone themselves (asked, and silent).".to_owned()
            }
            (1, _) => " 1 of them is gone itself (asked, and silent).".to_owned(),
            (some, _) => format!(" {some} of them are gone themselves (asked, and silent)."),
        };
        let filters = words::filters_to(case.facts, first);
        cause.remedy(format!(
            "`ayt reap {filters} --yes` asks all of this port again and ends who is gone, in the \
             queue too: else they hold the program up next"
        ));
    }
    if let Some(one) = full {
        says += &format!(
            " The queue is full ({} of backlog {}): who comes now is dropped.",
            one.receive_queue, one.send_queue
        );
    }
    cause.says(says);
    if !gone.is_empty() {
        cause.counted("waiting_and_gone", gone.len());
    }
    for socket in gone.into_iter().take(words::SHOWN) {
        cause.graph.asked(case.facts, socket);
    }
}
