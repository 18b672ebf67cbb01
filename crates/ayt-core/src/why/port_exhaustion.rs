//! The local ports towards one destination are used up.

use std::collections::BTreeMap;

use super::graph::{Kind, Relation};
use super::told::{Cause, from_doctor};
use super::{Case, Rule, words};
use crate::doctor::{Finding, Value};
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
            let says = &mut cause.links[0].says;
            says.insert_str(0, "The ports run out: ");
            if counted(&finding, "ports_used") >= counted(&finding, "ports") {
                *says = says.replace("is about to fail", "fails (EADDRNOTAVAIL)");
            }
            holders(case, &mut cause, &finding);
            if counted(&finding, "time_wait").saturating_mul(2) < counted(&finding, "ports_used") {
                held(case, &mut cause, &finding);
            }
            cause
        })
        .collect()
}

/// A number of the doctor's.
fn counted(finding: &Finding, name: &str) -> u64 {
    let found = finding.evidence.iter().find(|one| one.name == name);
    found.map_or(0, |one| match one.value {
        Value::Count(count) => count,
        _ => 0,
    })
}

/// The first port that is usually free for connect() where no service was given it.
const LOWEST: u16 = 15_000;

/// What helps where open connections hold the ports: taking over TIME_WAIT does not.
fn held(case: &Case<'_>, cause: &mut Cause, finding: &Finding) {
    let Some(first) = finding.connections.first() else {
        return;
    };
    cause.remedy.clear();
    cause.remedy(format!(
        "the program must close what it does not need, and bound and reuse its connections to {} \
         (a pool); a restart frees the ports",
        first.remote
    ));
    let ns = case.facts.namespace(first.ns);
    let range = ns.and_then(|ns| Some((ns, ns.sysctls.port_range()?)));
    let Some((ns, (_, to))) = range.filter(|(_, (from, _))| *from > LOWEST) else {
        cause.remedy("until then: more local addresses, or more addresses of the server");
        return;
    };
    let sockets = finding.connections.iter();
    let mut owners = sockets
        .filter_map(|one| case.socket(one.cookie))
        .flat_map(|socket| case.facts.owners_of(socket));
    let enter = match owners.next() {
        Some(owner) if ns.name != "host" => format!("nsenter -t {} -n ", owner.pid),
        _ => String::new(),
    };
    cause.remedy(format!(
        "until then `{enter}sysctl -w net.ipv4.ip_local_port_range=\"{LOWEST} {}\"` gives it \
         more ports at once (keep out what services listen on: net.ipv4.ip_local_reserved_ports)",
        to.max(60_999)
    ));
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
