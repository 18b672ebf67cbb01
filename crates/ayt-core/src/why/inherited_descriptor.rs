//! A child has inherited the descriptor: closing it sends no FIN, and a port stays
//! taken.

use super::graph::Relation;
use super::told::{Cause, from_doctor};
use super::{Case, Rule, words};
use crate::doctor::{Severity, Value};
use crate::facts::{Owner, Process, Socket};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "inherited-descriptor",
    summary: "another program has inherited the descriptor",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let found = from_doctor(case, &RULE, "inherited-fd", case.limits, |finding| {
        case.concerns(finding.connections.iter().map(|one| one.cookie))
    });
    let connections = found.into_iter().map(|(mut cause, finding)| {
        let mut pids: Vec<u32> = finding.owners.iter().map(|one| one.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        inherited(case, &mut cause, &pids);
        cause
    });
    let listeners = case.listeners().filter_map(|one| listener(case, one));
    connections.chain(listeners).collect()
}

/// In the graph: who is whose child.
fn inherited(case: &Case<'_>, cause: &mut Cause, pids: &[u32]) {
    for &pid in pids {
        let parent = case.facts.processes.get(&pid).map(|process| process.parent);
        if let Some(parent) = parent.filter(|parent| pids.contains(parent)) {
            let from = cause.graph.process(case.facts, pid);
            let to = cause.graph.process(case.facts, parent);
            cause
                .graph
                .edge(&from, Relation::Inherited, &to, Vec::new());
        }
    }
}

/// A listener that a program of another name holds as well, which its parent
/// started: it does not accept there.
fn listener(case: &Case<'_>, listener: &Socket) -> Option<Cause> {
    let owners = case.facts.owners_of(listener);
    let process = |owner: &Owner| case.facts.process(owner);
    let heir = |owner: &&Owner| {
        let Some(heir) = process(owner) else {
            return false;
        };
        let parent = owners
            .iter()
            .filter_map(process)
            .find(|one| one.pid == heir.parent);
        // systemd and inetd hand descriptors over on purpose, the low ones too.
        let by_accident = |parent: &Process| {
            parent.command != heir.command && parent.command != "systemd" && owner.fd > 2
        };
        parent.is_some_and(by_accident) && !accepts(case, owner)
    };
    let owner = owners.iter().find(heir)?;
    let parent = process(owner)?.parent;
    let (heir, parent_name) = (
        words::program(case.facts, owner.pid),
        words::program(case.facts, parent),
    );
    let mut cause = Cause::new(&RULE, Severity::Warning);
    cause.says(format!(
        "{heir} holds the listener on {} too, as descriptor {}: {parent_name} started it and has \
         not closed the descriptor in it. When {parent_name} ends, the port stays taken (EADDRINUSE) and \
         clients queue up for nobody.",
        listener.local, owner.fd
    ));
    cause
        .shown("heir_pid", Value::Count(owner.pid.into()))
        .shown("owner_pid", Value::Count(parent.into()));
    for owner in owners {
        cause.graph.descriptor(case.facts, owner, listener);
    }
    inherited(case, &mut cause, &[owner.pid, parent]);
    cause.remedy(format!(
        "open listeners with SOCK_CLOEXEC, or close them in the child; now, `kill {}` ends the \
         heir",
        owner.pid
    ));
    Some(cause)
}

/// A thread of the holder accepts there, or waits for what comes there.
fn accepts(case: &Case<'_>, owner: &Owner) -> bool {
    super::waits::threads(case, &[owner.pid]).any(|(pid, detail)| {
        use super::waits::{Wait, wait};
        match wait(case, pid, detail) {
            Wait::Accepting(_) => true,
            Wait::Events(_, Some(watches)) => watches.iter().any(|watch| watch.fd == owner.fd),
            Wait::Events(_, None) | Wait::Running => true,
            _ => false,
        }
    })
}
