//! The peer has closed, and the program never does: which descriptors, since when,
//! and what its threads do instead.

use super::graph::text;
use super::told::{Cause, from_doctor};
use super::waits::{Wait, follow, threads, wait};
use super::{Case, Rule, words};
use crate::doctor::{Finding, Value, commands};
use crate::duration::Ms;
use crate::facts::{Call, ThreadDetail};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "close-wait-leak",
    summary: "the peer has closed connections, and the program never does",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let found = from_doctor(case, &RULE, "close-wait-leak", case.limits, |finding| {
        case.concerns(finding.connections.iter().map(|one| one.cookie))
    });
    found
        .into_iter()
        .map(|(mut cause, finding)| {
            let mut fds: Vec<u32> = finding.owners.iter().map(|owner| owner.fd).collect();
            fds.sort_unstable();
            fds.dedup();
            let noun = if fds.len() == 1 {
                "It is descriptor"
            } else {
                "They are descriptors"
            };
            cause.says(format!(
                "{noun} {}{}.",
                words::list(&fds),
                since(case, &finding)
            ));
            cause.shown("descriptors", Value::Text(words::ranges(fds.clone())));
            path(case, &mut cause, &finding, &fds);
            cause.remedy.clear();
            cause.remedy(
                "the program must close a connection when reading it says 0 (its end), also on \
                 the ways out through an error",
            );
            if let Some(owner) = finding.owners.first() {
                let pid = owner.pid;
                let process = case.facts.processes.get(&pid);
                let limit = process.and_then(|process| process.descriptor_limit.known());
                let room = limit.map_or_else(String::new, |limit| {
                    format!("; {}", commands::room(pid, *limit))
                });
                cause.remedy(format!(
                    "until then a restart frees them{room}. (`ayt reap` ends the kernel's half, \
                     not the descriptors.)"
                ));
            }
            cause
        })
        .collect()
}

/// ", closed from 3h to 2s ago", where they were not closed together.
fn since(case: &Case<'_>, finding: &Finding) -> String {
    let ages = finding
        .connections
        .iter()
        .filter_map(|one| case.socket(one.cookie)?.age_at_least_ms());
    let span = crate::doctor::group::Span::of(ages);
    let spread = span.filter(|span| Ms(span.least).to_string() != Ms(span.most).to_string());
    spread.map_or_else(String::new, |span| {
        let (newest, oldest) = (Ms(span.least), Ms(span.most));
        format!(", closed by the peers from at least {oldest} to {newest} ago")
    })
}

/// What the program does instead of closing: where its threads are now. Where the
/// leak began nothing shows any more.
fn path(case: &Case<'_>, cause: &mut Cause, finding: &Finding, fds: &[u32]) {
    let mut pids: Vec<u32> = finding.owners.iter().map(|owner| owner.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    let waits: Vec<(u32, _, Wait<'_>)> = threads(case, &pids)
        .map(|(pid, detail)| (pid, detail, wait(case, pid, detail)))
        .collect();
    // A thread that sits on one of them reads the end, or writes to nobody.
    let on = waits.iter().find(|(_, _, wait)| match wait {
        Wait::Connection(_, _, socket) => {
            let cookies = |one: &crate::doctor::Connection| one.cookie == socket.cookie;
            finding.connections.iter().any(cookies)
        }
        _ => false,
    });
    if let Some(&(pid, detail, wait)) = on {
        follow(case, cause, pid, detail, wait);
        return;
    }
    let polling = waits.iter().find_map(|&(pid, detail, wait)| match wait {
        Wait::Events(call, Some(watches)) | Wait::Deaf(call, watches) => {
            Some((pid, detail, call, watches))
        }
        _ => None,
    });
    let Some((pid, detail, call, watches)) = polling else {
        if let Some(&(pid, detail, wait)) = waits.iter().min_by_key(|(_, _, wait)| wait.rank()) {
            if let Wait::Accepting(call) | Wait::OtherListener(call, ..) = wait {
                accepts(case, cause, pid, detail, call);
                return;
            }
            let before = cause.remedy.len();
            follow(case, cause, pid, detail, wait);
            cause.remedy.truncate(before);
        }
        return;
    };
    let forgotten = fds
        .iter()
        .filter(|&&fd| !watches.iter().any(|watch| watch.fd == fd))
        .count();
    let which = match (forgotten, fds.len()) {
        (n, all) if n == all && all == 1 => "it is not among them".to_owned(),
        (n, all) if n == all => format!("none of the {all} is among them"),
        (0, _) => "they are among them, so it is told of the end and does not act on it".to_owned(),
        (n, all) => format!("{n} of the {all} are not among them"),
    };
    let lost = if forgotten > 0 {
        ": it has forgotten them, and nothing will remind it"
    } else {
        ""
    };
    cause.says(format!(
        "{} waits for events of {} in {}; {which}{lost}.",
        super::waits::name(case, pid, detail),
        words::count(watches.len(), "descriptor"),
        call.name
    ));
    thread(case, cause, pid, detail, call);
}

/// It waits for new clients, as it should, and for nothing of the old ones.
fn accepts(case: &Case<'_>, cause: &mut Cause, pid: u32, detail: &ThreadDetail, call: &Call) {
    cause.says(format!(
        "{} waits in {} for the next client: it has forgotten them, and nothing will remind it.",
        super::waits::name(case, pid, detail),
        call.name
    ));
    thread(case, cause, pid, detail, call);
}

/// The thread that shows it, as evidence and in the graph.
fn thread(case: &Case<'_>, cause: &mut Cause, pid: u32, detail: &ThreadDetail, call: &Call) {
    cause.shown("thread", Value::Count(detail.thread.tid.into()));
    cause.shown("call", Value::Text(call.to_string()));
    if let Some(frames) = detail.stack.known().filter(|frames| !frames.is_empty()) {
        cause.shown("called_from", Value::Text(words::frames(frames)));
    }
    let thread = cause.graph.node(
        super::Kind::Thread,
        format!("{pid}/{}", detail.thread.tid),
        format!("thread {} ({})", detail.thread.tid, detail.thread.name),
        vec![text("call", call.to_string())],
    );
    let process = cause.graph.process(case.facts, pid);
    cause
        .graph
        .edge(&process, super::Relation::Runs, &thread, Vec::new());
}
