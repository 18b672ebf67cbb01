//! Clients connect, and the program never takes them: which thread sits where
//! instead.

use super::graph::{Kind, Relation};
use super::told::Cause;
use super::waits::{best, follow};
use super::{Case, Rule, words};
use crate::doctor::queue::{Queues, Stuck};
use crate::doctor::{Evidence, Severity, Value};
use crate::duration::Ms;
use crate::fact::Fact;
use crate::facts::Socket;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "accept-stuck",
    summary: "clients wait in the accept queue, and the program does not take them",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    stuck(case)
        .into_iter()
        .filter(|stuck| {
            let told = |listener: &&Socket| case.explained.contains(&listener.cookie);
            !stuck.listeners.iter().any(told)
        })
        .map(|stuck| cause(case, &stuck))
        .collect()
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
    match best(case, &pids) {
        Some((pid, detail, wait)) => {
            follow(case, &mut cause, pid, detail, wait);
            if !wait.is_blocked() && stuck.oldest() < 5_000 {
                // It may merely be slow.
                cause.severity = Severity::Warning;
            }
        }
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
    wait_behind(&mut cause, stuck);
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

/// Who waits, and whether more are dropped.
pub(super) fn wait_behind(cause: &mut Cause, stuck: &Stuck<'_>) {
    let oldest = Ms(stuck.oldest());
    let full = stuck
        .listeners
        .iter()
        .find(|one| one.receive_queue > one.send_queue);
    let mut says = match stuck.waiting.len() {
        1 => format!("1 client has waited for {oldest} behind it."),
        n => format!("{n} clients have waited up to {oldest} behind it."),
    };
    if let Some(one) = full {
        says += &format!(
            " The queue is full ({} of backlog {}): who comes now is dropped.",
            one.receive_queue, one.send_queue
        );
    }
    cause.says(says);
}
