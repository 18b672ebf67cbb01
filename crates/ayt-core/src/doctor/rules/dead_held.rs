//! `dead-held`: a program keeps descriptors whose connections no longer exist.

use std::collections::BTreeMap;

use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::fact::{Fact, Partial, Why};
use crate::facts::{DeadHeld, HostFacts};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "dead-held",
    summary: "a program keeps descriptors whose connections no longer exist",
    explanation: "\
When a connection ends by a reset, a timeout, or `ayt reap`, the kernel takes it out of its \
tables at once; the descriptor stays until the program closes it. A program that does not \
read from it, or ignores the error, collects dead descriptors until accept(2) and socket(2) \
fail with \"Too many open files\". No list of connections shows them.

ayt looks for TCP descriptors under /proc/PID/fd that are in none of the kernel's tables, \
and reports a process that holds three or more. Fewer are normal, and no age is known: a \
pool meets the error when it uses the connection next, a program may just be on its way \
to close, and a socket that was made and not connected yet looks the same. \"Not told yet\" \
means that an error waits which the program has not taken; the others have been told and \
were kept.

Destroying them from outside (SOCK_DESTROY, `ss -K`, `ayt reap`) is no cure: there is \
nothing left to destroy, and only their owner can close them.

Sources: close(2), socket(7) (SO_ERROR); net/ipv4/tcp.c (tcp_done).",
    remedy: "the program must close a connection on every error of read or write, and look at \
its idle ones now and then; until then restart it before its descriptors run out",
    check,
};

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    match &facts.dead_held {
        None => Outcome::default(),
        Some(Fact::Unknown(why)) => Outcome {
            findings: Vec::new(),
            unknown: vec![Partial {
                what: "descriptors whose connections no longer exist".to_owned(),
                why: why.to_string(),
                remedy: match why {
                    Why::KernelTooOld { since, .. } => format!("Linux {since} or later"),
                    _ => "run as root or grant CAP_SYS_PTRACE".to_owned(),
                },
            }],
        },
        Some(Fact::Known(all)) => Outcome {
            findings: by_process(all)
                .iter()
                .filter(|(_, held)| held.len() >= limits.pile)
                .map(|(&pid, held)| finding(facts, pid, held))
                .collect(),
            unknown: Vec::new(),
        },
    }
}

fn by_process(all: &[DeadHeld]) -> BTreeMap<u32, Vec<&DeadHeld>> {
    let mut processes: BTreeMap<u32, Vec<&DeadHeld>> = BTreeMap::new();
    for held in all {
        processes.entry(held.owner.pid).or_default().push(held);
    }
    processes
}

fn finding(facts: &HostFacts, pid: u32, held: &[&DeadHeld]) -> Finding {
    let process = facts.processes.get(&pid);
    let command = process.map_or("?", |process| process.command.as_str());
    let count = held.len();
    let untold = held.iter().filter(|one| one.error_waiting).count();
    let told = match untold {
        0 => String::new(),
        n if n == count => ", none of which it has noticed".to_owned(),
        1 => ", 1 of which it has not noticed".to_owned(),
        n => format!(", {n} of which it has not noticed"),
    };
    let (noun, verb) = match count {
        1 => ("descriptor", "whose connection no longer exists"),
        _ => ("descriptors", "whose connections no longer exist"),
    };
    let mut finding = Finding::new(
        &RULE,
        Severity::Warning,
        format!("{command} (pid {pid}) holds {count} {noun} {verb}{told}"),
    )
    .evidence("count", Value::Count(count as u64))
    .evidence("error_waiting", Value::Count(untold as u64));
    let mut ports: BTreeMap<u16, usize> = BTreeMap::new();
    for local in held.iter().filter_map(|one| one.local) {
        *ports.entry(local.port()).or_default() += 1;
    }
    if !ports.is_empty() && ports.len() <= MOST_PORTS {
        let list: Vec<String> = ports
            .iter()
            .map(|(port, count)| format!("{port} x{count}"))
            .collect();
        finding = finding.evidence("by_local_port", Value::Text(list.join(", ")));
    }
    if let Some(limit) = process.and_then(|process| process.descriptor_limit.known()) {
        finding = finding.evidence("descriptor_limit", Value::Count(*limit));
    }
    finding.owners = held.iter().map(|one| one.owner).collect();
    finding
        .owners
        .sort_unstable_by_key(|owner| (owner.pid, owner.fd));
    finding.remedy(format!(
        "`ls -l /proc/{pid}/fd` shows them; destroying sockets does not free them: {}",
        RULE.remedy
    ))
}

/// A client's connections each have a port of their own; a list of them says
/// nothing.
const MOST_PORTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Owner;
    use crate::facts::sample::{Sample, process};

    fn held(pid: u32, fd: u32, error_waiting: bool) -> DeadHeld {
        DeadHeld {
            owner: Owner {
                inode: 1_000 + fd,
                pid,
                fd,
            },
            local: Some("10.0.0.1:80".parse().expect("an address")),
            error_waiting,
        }
    }

    fn run(dead_held: Option<Fact<Vec<DeadHeld>>>) -> Outcome {
        let mut sample = Sample::new();
        sample.0.processes.insert(812, process(812, "leaky"));
        sample.0.dead_held = dead_held;
        check(&sample.facts(), &Limits::default())
    }

    #[test]
    fn a_pile_is_named_with_its_descriptors() {
        let all = vec![held(812, 9, false), held(812, 7, true), held(812, 8, false)];
        let outcome = run(Some(Fact::Known(all)));
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            finding.summary,
            "leaky (pid 812) holds 3 descriptors whose connections no longer exist, 1 of which it \
             has not noticed"
        );
        assert_eq!(finding.severity, Severity::Warning);
        let fds: Vec<_> = finding.owners.iter().map(|owner| owner.fd).collect();
        assert_eq!(fds, [7, 8, 9]);
        assert_eq!(finding.evidence[2].value, Value::Text("80 x3".to_owned()));
        assert!(finding.remedy.contains("restart it"));
    }

    #[test]
    fn the_sentence_fits_none_and_all_unnoticed() {
        for (error_waiting, end) in [
            (false, "no longer exist"),
            (true, "no longer exist, none of which it has noticed"),
        ] {
            let all = (1..=3).map(|fd| held(812, fd, error_waiting)).collect();
            let outcome = run(Some(Fact::Known(all)));
            assert!(outcome.findings[0].summary.ends_with(end), "{outcome:?}");
        }
    }

    #[test]
    fn silent_on_a_fresh_one_on_many_processes_with_one_each_and_on_none() {
        let fresh = vec![held(812, 7, true), held(812, 8, true)];
        let spread = (1..=9).map(|pid| held(pid, 5, true)).collect();
        for healthy in [fresh, spread, Vec::new()] {
            assert_eq!(run(Some(Fact::Known(healthy))), Outcome::default());
        }
        assert_eq!(run(None), Outcome::default());
    }

    #[test]
    fn what_could_not_be_looked_at_is_said() {
        let outcome = run(Some(Fact::Unknown(Why::OwnerHidden)));
        assert!(outcome.findings.is_empty());
        assert_eq!(
            outcome.unknown[0].what,
            "descriptors whose connections no longer exist"
        );
    }
}
