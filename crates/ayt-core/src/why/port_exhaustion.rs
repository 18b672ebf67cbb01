//! The local ports towards one destination are used up.

use std::collections::BTreeMap;

use super::graph::{Kind, Relation};
use super::told::{Cause, from_doctor};
use super::{Case, Rule, words};
use crate::doctor::Finding;
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "port-exhaustion",
    summary: "the local ports towards one destination are used up",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let ours = |finding: &Finding| {
        let by_destination = finding.connections.first().is_some_and(|one| {
            // TIME_WAIT has no owner: what a process of the namespace needs counts.
            case.subject.port == Some(one.remote.port())
                || case
                    .connections
                    .iter()
                    .any(|ours| ours.ns == one.ns && ours.remote == one.remote)
                || case.subject.pids.iter().any(|pid| {
                    let process = case.facts.processes.get(pid);
                    let inode = process.and_then(|process| process.netns.known());
                    let ns = case.facts.namespace(one.ns);
                    ns.is_some_and(|ns| Some(&ns.inode) == inode)
                        && case.listeners().next().is_none()
                })
        });
        by_destination || case.concerns(finding.connections.iter().map(|one| one.cookie))
    };
    let found = from_doctor(case, &RULE, "time-wait-pressure", case.limits, ours);
    found
        .into_iter()
        .map(|(mut cause, finding)| {
            cause.links[0].says.insert_str(0, "The ports run out: ");
            holders(case, &mut cause, &finding);
            cause
        })
        .collect()
}

/// Which programs hold the ports.
fn holders(case: &Case<'_>, cause: &mut Cause, finding: &Finding) {
    let mut by: BTreeMap<Option<u32>, usize> = BTreeMap::new();
    let mut waits = 0;
    for connection in &finding.connections {
        if connection.state == TcpState::TimeWait {
            waits += 1;
            continue;
        }
        let socket = case.socket(connection.cookie);
        let owners = socket.map_or(&[] as &[_], |socket| case.facts.owners_of(socket));
        *by.entry(owners.first().map(|owner| owner.pid)).or_default() += 1;
    }
    let mut held: Vec<String> = Vec::new();
    if waits > 0 {
        held.push(format!(
            "{waits} wait out TIME_WAIT and belong to nobody any more"
        ));
    }
    let mut by: Vec<(Option<u32>, usize)> = by.into_iter().collect();
    by.sort_by_key(|&(pid, count)| (std::cmp::Reverse(count), pid));
    for (pid, count) in by.into_iter().take(words::SHOWN) {
        held.push(match pid {
            Some(pid) => format!("{} holds {count}", words::program(case.facts, pid)),
            None => format!("{count} have no owner that ayt sees"),
        });
    }
    if !held.is_empty() {
        cause.says(format!("Of these ports {}.", held.join(", ")));
    }
    let Some(first) = finding.connections.first() else {
        return;
    };
    let key = format!("ports/{}/{}", first.local.ip(), first.remote);
    let name = format!("local ports towards {}", first.remote);
    let limit = cause
        .graph
        .node(Kind::Limit, key, name, finding.evidence.clone());
    for &pid in case.subject.pids.iter().take(words::SHOWN) {
        let process = cause.graph.process(case.facts, pid);
        cause
            .graph
            .edge(&process, Relation::Reached, &limit, Vec::new());
    }
}
