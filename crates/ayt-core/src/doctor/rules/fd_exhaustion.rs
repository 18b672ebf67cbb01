//! `fd-exhaustion`: a process runs out of descriptors.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value, commands};
use crate::fact::{Fact, Partial};
use crate::facts::{HostFacts, Owner, Process, Socket};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "fd-exhaustion",
    summary: "a process has used up nearly all its file descriptors",
    explanation: "\
Every open connection takes a descriptor, and a process may have only so many \
(RLIMIT_NOFILE, the soft limit). At the limit accept(2), socket(2) and open(2) fail with \
EMFILE, \"Too many open files\": new clients stay in the accept queue, log files cannot be \
reopened, and a program that does not expect it spins or stops. The usual reason is not \
load but a leak: connections that the peer closed and the program did not (CLOSE_WAIT), or \
whose end it has not noticed.

ayt compares the entries of /proc/PID/fd with the soft limit in /proc/PID/limits, for \
processes that hold TCP sockets, and reports those at 80 % or more; at the limit itself it \
is critical. The TCP sockets among the descriptors are counted by state to tell leak from \
load. A process with more open than its limit is left alone: sandboxed programs lower the \
limit on purpose. One that fills its table up to a limit of its own may be reported without \
harm. The limit of the whole host (fs.file-max) is not looked at.

Destroying sockets from outside is no cure: the descriptor stays until its owner closes \
it.

Sources: getrlimit(2), accept(2), prlimit(1); fs/file.c (alloc_fd).",
    remedy: "find what the program does not close; meanwhile raise its limit with \
`prlimit --pid PID --nofile=LIMIT:` or LimitNOFILE= of its unit, or restart it",
    check,
};

/// What the TCP descriptors of a process are on.
#[derive(Default)]
struct Account {
    states: BTreeMap<TcpState, u64>,
    dead_held: u64,
    /// Descriptors on CLOSE_WAIT sockets.
    leaked: Vec<Owner>,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let mut short: BTreeMap<u32, (u64, u64, Account)> = BTreeMap::new();
    let mut hidden: Vec<&Process> = Vec::new();
    for process in facts.processes.values() {
        match (&process.descriptors, &process.descriptor_limit) {
            (Fact::Known(open), Fact::Known(limit)) => {
                let (open, limit) = (u64::from(*open), *limit);
                let share = u128::from(limit) * u128::from(limits.pressure_percent);
                // More open than allowed: the limit was lowered afterwards, as
                // sandboxes do (to 0) so that nothing more can be opened.
                if open <= limit && limit > 0 && u128::from(open) * 100 >= share {
                    short.insert(process.pid, (open, limit, Account::default()));
                }
            }
            _ => hidden.push(process),
        }
    }
    if !short.is_empty() {
        count_sockets(facts, &mut short);
        // A process without a descriptor on any of these connections is none of
        // this look's: a filter left its own out.
        short.retain(|_, (_, _, account)| account.concerned());
    }
    Outcome {
        findings: short
            .iter()
            .map(|(&pid, (open, limit, account))| finding(facts, pid, *open, *limit, account))
            .collect(),
        unknown: unknown(&hidden).into_iter().collect(),
    }
}

fn count_sockets(facts: &HostFacts, short: &mut BTreeMap<u32, (u64, u64, Account)>) {
    for socket in &facts.sockets {
        for owner in facts.owners_of(socket) {
            if let Some((_, _, account)) = short.get_mut(&owner.pid) {
                account.add(socket, *owner);
            }
        }
    }
    let dead = facts.dead_held.as_ref().and_then(Fact::known);
    for held in dead.into_iter().flatten() {
        if let Some((_, _, account)) = short.get_mut(&held.owner.pid) {
            account.dead_held += 1;
        }
    }
}

impl Account {
    fn concerned(&self) -> bool {
        !self.states.is_empty() || self.dead_held > 0
    }

    fn add(&mut self, socket: &Socket, owner: Owner) {
        *self.states.entry(socket.state).or_default() += 1;
        if socket.state == TcpState::CloseWait {
            self.leaked.push(owner);
        }
    }
}

fn finding(facts: &HostFacts, pid: u32, open: u64, limit: u64, account: &Account) -> Finding {
    let command = facts
        .processes
        .get(&pid)
        .map_or("?", |process| process.command.as_str());
    let close_wait = account.leaked.len();
    let used = if open >= limit {
        format!("{command} (pid {pid}) has no descriptor left ({open} of {limit})")
    } else {
        let percent = u128::from(open) * 100 / u128::from(limit);
        format!("{command} (pid {pid}) has used {open} of its {limit} descriptors ({percent}%)")
    };
    let mut leaks = Vec::new();
    match close_wait {
        0 => {}
        1 => leaks.push("1 on a connection that the peer has closed".to_owned()),
        n => leaks.push(format!("{n} on connections that the peer has closed")),
    }
    match account.dead_held {
        0 => {}
        1 => leaks.push("1 on a connection that no longer exists".to_owned()),
        n => leaks.push(format!("{n} on connections that no longer exist")),
    }
    let summary = if leaks.is_empty() {
        used
    } else {
        format!("{used}, {}", leaks.join(" and "))
    };
    let severity = if open >= limit {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let states: Vec<String> = account
        .states
        .iter()
        .map(|(state, count)| format!("{state} {count}"))
        .collect();
    let mut finding = Finding::new(&RULE, severity, summary)
        .evidence("open", Value::Count(open))
        .evidence("limit", Value::Count(limit))
        .evidence("close_wait", Value::Count(close_wait as u64));
    if !states.is_empty() {
        finding = finding.evidence("tcp_by_state", Value::Text(states.join(", ")));
    }
    if matches!(facts.dead_held, Some(Fact::Known(_))) {
        finding = finding.evidence("dead_held", Value::Count(account.dead_held));
    }
    finding.owners.clone_from(&account.leaked);
    let room = format!(
        "{} (LimitNOFILE= of its unit for good)",
        commands::room(pid, limit)
    );
    let cure = match (close_wait, account.dead_held) {
        (0, 0) => format!(
            "see what it holds: `ayt list --pid {pid}` and `ls -l /proc/{pid}/fd`; if that is \
             load, not a leak, {room}"
        ),
        (0, _) => format!("it leaks: `ayt doctor --only dead-held`; restart it, or {room}"),
        _ => format!("it leaks: `ayt doctor --only close-wait-leak`; restart it, or {room}"),
    };
    finding.remedy(commands::and_why(&cure, pid, "who waits for one"))
}

fn unknown(hidden: &[&Process]) -> Option<Partial> {
    let first = hidden.first()?;
    let pids: BTreeSet<u32> = hidden.iter().map(|process| process.pid).collect();
    let what = match pids.len() {
        1 => format!(
            "descriptors of {} (pid {}) and their limit",
            first.command, first.pid
        ),
        n => format!("descriptors of {n} processes and their limits"),
    };
    let why = [first.descriptors.why(), first.descriptor_limit.why()];
    Some(Partial {
        what,
        why: why.into_iter().flatten().next()?.to_string(),
        remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
    })
}
