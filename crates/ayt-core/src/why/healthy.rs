//! Nothing is wrong: what was looked at, so that it is worth something.

use super::accept_stuck::short;
use super::suspects::{can_ask, is_quiet};
use super::waits::{Wait, threads, wait};
use super::{Case, words};
use crate::duration::Ms;
use crate::fact::Fact;
use crate::verdict::Verdict;

/// The paragraph where no cause was found.
pub(super) fn sentence(case: &Case<'_>) -> String {
    let subject = case.subject;
    let what = match (subject.port, subject.pids.as_slice()) {
        (Some(_), pids) if !pids.is_empty() => {
            format!("{} on {}", words::programs(case.facts, pids), subject.name)
        }
        _ => subject.name.clone(),
    };
    let mut looked: Vec<String> = Vec::new();
    for listener in case.listeners().take(words::SHOWN) {
        looked.push(format!(
            "the accept queue of {} ({} of backlog {} wait)",
            short(listener.local),
            listener.receive_queue,
            listener.send_queue
        ));
    }
    if let Some(many) = case.listeners().count().checked_sub(words::SHOWN + 1) {
        looked.push(format!("{} more listeners", many + 1));
    }
    let silent = silent(case);
    looked.push(words::count(case.connections.len(), "connection") + &silent.words());
    if let Some(threads) = seen_threads(case) {
        looked.push(threads);
    }
    looked.extend(descriptors(case));
    looked.extend(counters(case));
    looked.extend(asked(case));
    let found = match case.facts.partial.is_empty() && silent.count == 0 {
        true => "Nothing is wrong with",
        false => "In what could be seen nothing is wrong with",
    };
    format!("{found} {what}. Looked at: {}.", words::list(&looked))
}

/// Connections whose peer has long been silent and was not asked.
struct Silent {
    count: usize,
    longest_ms: u64,
}

impl Silent {
    fn words(&self) -> String {
        match self.count {
            0 => String::new(),
            1 => format!(
                " (1 peer was silent for {} and not asked)",
                Ms(self.longest_ms)
            ),
            count => format!(
                " ({count} peers were silent for up to {} and not asked)",
                Ms(self.longest_ms)
            ),
        }
    }
}

fn silent(case: &Case<'_>) -> Silent {
    let unasked = case.connections.iter().filter(|socket| {
        let asked = case.facts.verdict_of(socket).is_some();
        !asked && can_ask(case, socket) && is_quiet(case, socket)
    });
    let heard = unasked.filter_map(|socket| socket.tcp.as_ref());
    let silent: Vec<u64> = heard.map(|tcp| u64::from(tcp.heard_ms())).collect();
    Silent {
        count: silent.len(),
        longest_ms: silent.iter().copied().max().unwrap_or_default(),
    }
}

fn seen_threads(case: &Case<'_>) -> Option<String> {
    let mut all = 0;
    let mut ready = None;
    for (pid, detail) in threads(case, &case.subject.pids) {
        all += 1;
        let says = match wait(case, pid, detail) {
            Wait::Accepting(call) => Some(format!("one in {}", call.name)),
            Wait::Events(call, Some(watches)) => {
                let listener = case
                    .listeners()
                    .flat_map(|one| case.facts.owners_of(one))
                    .any(|owner| {
                        owner.pid == pid && watches.iter().any(|watch| watch.fd == owner.fd)
                    });
                listener.then(|| format!("one in {}, which waits for the listener", call.name))
            }
            _ => None,
        };
        ready = ready.or(says);
    }
    let ready = ready.map_or_else(String::new, |says| format!(" ({says})"));
    (all > 0).then(|| format!("{}{ready}", words::count(all, "thread")))
}

fn descriptors(case: &Case<'_>) -> Option<String> {
    let mut worst: Option<(u64, u64)> = None;
    for pid in &case.subject.pids {
        let process = case.facts.processes.get(pid)?;
        if let (Fact::Known(open), Fact::Known(limit)) =
            (&process.descriptors, &process.descriptor_limit)
        {
            let next = (u64::from(*open), *limit);
            let share = |(open, limit): (u64, u64)| open.saturating_mul(1000) / limit.max(1);
            worst = worst
                .filter(|&worst| share(worst) >= share(next))
                .or(Some(next));
        }
    }
    let (open, limit) = worst?;
    Some(format!("{open} of {limit} descriptors"))
}

fn counters(case: &Case<'_>) -> Option<String> {
    let listener = case.listeners().next()?;
    let counters = case.facts.namespace(listener.ns)?.counters.known()?;
    let overflows = counters.get("TcpExt.ListenOverflows")?;
    Some(format!(
        "the counter of dropped clients ({overflows} since the namespace was made)"
    ))
}

fn asked(case: &Case<'_>) -> Option<String> {
    let verdicts = || {
        let connections = case.connections.iter();
        connections.filter_map(|socket| case.facts.verdict_of(socket))
    };
    let alive = |verdict: &&Verdict| matches!(verdict, Verdict::Alive { .. });
    let (all, living) = (verdicts().count(), verdicts().filter(alive).count());
    match (all, living) {
        (0, _) => None,
        (1, 1) => Some("1 peer, which was asked and is alive".to_owned()),
        (all, living) if all == living => {
            Some(format!("{all} peers, which were asked and are alive"))
        }
        (all, living) => Some(format!(
            "{all} peers that were asked, of which {living} answered"
        )),
    }
}
