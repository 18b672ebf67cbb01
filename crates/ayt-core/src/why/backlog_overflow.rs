//! Clients come faster than the program takes them: the accept queue overflows.

use super::graph::{Kind, Relation};
use super::told::{Cause, from_doctor};
use super::waits::{best, follow};
use super::{Case, Rule};
use crate::doctor::{Evidence, Value};
use crate::facts::Socket;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "backlog-overflow",
    summary: "the accept queue is full, and clients are dropped",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let ours: Vec<&Socket> = case
        .listeners()
        .filter(|one| !case.explained.contains(&one.cookie))
        .collect();
    let found = from_doctor(case, &RULE, "listen-overflow", case.limits, |finding| {
        let told = finding.connections.iter().map(|one| one.cookie);
        let mut told = told.filter(|cookie| ours.iter().any(|one| one.cookie == *cookie));
        told.next().is_some()
    });
    found
        .into_iter()
        .map(|(mut cause, _)| {
            for listener in ours
                .iter()
                .filter(|one| cause.explains.contains(&one.cookie))
            {
                let id = cause.graph.socket(listener);
                let evidence = vec![
                    Evidence {
                        name: "waiting",
                        value: Value::Count(listener.receive_queue.into()),
                    },
                    Evidence {
                        name: "backlog",
                        value: Value::Count(listener.send_queue.into()),
                    },
                ];
                let key = format!("{:x}", listener.cookie.0);
                let name = format!("accept queue of {}", listener.local);
                let queue = cause.graph.node(Kind::Queue, key, name, evidence);
                cause
                    .graph
                    .edge(&queue, Relation::QueuesAt, &id, Vec::new());
            }
            if let Some((pid, detail, wait)) = best(case, &case.subject.pids) {
                follow(case, &mut cause, pid, detail, wait);
            }
            cause
        })
        .collect()
}
