//! The program has no descriptor left, or hardly any: accept and open fail.

use super::accept_stuck::{queue, short, stuck, wait_behind};
use super::graph::{Kind, Relation};
use super::told::Cause;
use super::waits::{Wait, best};
use super::{Case, Rule, words};
use crate::doctor::{Evidence, Severity, Value, commands};
use crate::fact::Fact;
use crate::facts::{Process, Socket};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "descriptor-limit",
    summary: "the program has no descriptor left",
    check,
};

/// From so many percent of the limit on it is told though a few are left.
const NEARLY: u64 = 95;

fn check(case: &Case<'_>) -> Vec<Cause> {
    let pids = case.subject.pids.iter();
    let processes = pids.filter_map(|pid| case.facts.processes.get(pid));
    processes
        .filter_map(|process| Some(cause(case, process, pressed(process)?)))
        .collect()
}

/// Open descriptors and their limit, where they are nearly used up. More open than
/// allowed is a sandbox, which lowered the limit afterwards.
fn pressed(process: &Process) -> Option<(u64, u64)> {
    let (Fact::Known(open), Fact::Known(limit)) = (&process.descriptors, &process.descriptor_limit)
    else {
        return None;
    };
    let (open, limit) = (u64::from(*open), *limit);
    let nearly = open.saturating_mul(100) >= limit.saturating_mul(NEARLY);
    (limit > 0 && open <= limit && nearly).then_some((open, limit))
}

fn cause(case: &Case<'_>, process: &Process, (open, limit): (u64, u64)) -> Cause {
    let pid = process.pid;
    let who = words::program(case.facts, pid);
    let none_left = open >= limit;
    let severity = if none_left {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let mut cause = Cause::new(&RULE, severity);
    cause.says(match none_left {
        true => format!(
            "{who} has no descriptor left: {open} of {limit} are open, so accept, open and \
             connect fail (EMFILE)."
        ),
        false => format!("{who} has {} of {limit} descriptors left.", limit - open),
    });
    cause
        .shown("open", Value::Count(open))
        .shown("limit", Value::Count(limit));
    let node = cause.graph.process(case.facts, pid);
    let bound = cause.graph.node(
        Kind::Limit,
        format!("descriptors/{pid}"),
        "limit of descriptors (RLIMIT_NOFILE)",
        vec![
            Evidence {
                name: "open",
                value: Value::Count(open),
            },
            Evidence {
                name: "limit",
                value: Value::Count(limit),
            },
        ],
    );
    cause
        .graph
        .edge(&node, Relation::Reached, &bound, Vec::new());
    let leaked = spent(case, &mut cause, pid);
    if none_left {
        behind(case, &mut cause, pid);
    }
    cause.remedy(commands::room(pid, limit));
    cause.remedy(match leaked {
        0 => format!(
            "then find what it does not close: `ls -l /proc/{pid}/fd`, `ayt doctor --only \
             dead-held --pid {pid}`"
        ),
        _ => "then make the program close a connection when reading it says 0 (its end)".to_owned(),
    });
    cause
}

/// What the descriptors are spent on; how many of them are leaked connections.
fn spent(case: &Case<'_>, cause: &mut Cause, pid: u32) -> usize {
    let held = |socket: &&&Socket| {
        let owners = case.facts.owners_of(socket);
        owners.iter().any(|owner| owner.pid == pid)
    };
    let count = |state| {
        let of_state = case.connections.iter().filter(|one| one.state == state);
        of_state.filter(held).count()
    };
    let (open, leaked) = (count(TcpState::Established), count(TcpState::CloseWait));
    if leaked > open.max(2) {
        cause.says(format!(
            "{leaked} of them are connections that the peer has closed and the program has not \
             (CLOSE_WAIT)."
        ));
        let closed = case.connections.iter().filter(held);
        let closed = closed.filter(|one| one.state == TcpState::CloseWait);
        let cookies: Vec<_> = closed.map(|one| one.cookie).collect();
        cause.explains.extend(cookies);
    } else if open > 2 {
        cause.says(format!("{open} of them are open connections."));
    } else {
        cause.says("Few of them are TCP connections.".to_owned());
    }
    cause
        .counted("established", open)
        .counted("close_wait", leaked);
    leaked
}

/// Clients that wait because of it: where no thread is blocked for another reason.
fn behind(case: &Case<'_>, cause: &mut Cause, pid: u32) {
    let blocked = best(case, &[pid]).is_some_and(|(_, _, wait)| {
        matches!(
            wait,
            Wait::Stopped(_) | Wait::Connection(..) | Wait::Closing(_) | Wait::OtherListener(..)
        )
    });
    if blocked {
        return;
    }
    for stuck in stuck(case) {
        // Others may hold the listener too and leave the work to this one: nginx's
        // master does.
        let pids = stuck.pids(case.facts);
        let works = best(case, &pids).map_or(pids == [pid], |(best, ..)| best == pid);
        if !works {
            continue;
        }
        let on = stuck
            .listeners
            .first()
            .map_or_else(String::new, |one| short(one.local));
        cause.says(format!("So it does not accept on {on}."));
        queue(case, cause, &stuck);
        wait_behind(case, cause, &stuck);
        cause.explains_pids.push(pid);
    }
}
