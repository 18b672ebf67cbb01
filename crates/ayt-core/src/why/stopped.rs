//! The program is stopped, though nobody waits for it yet.

use super::graph::{Kind, Relation, text};
use super::told::Cause;
use super::waits::{Wait, follow, threads, wait};
use super::{Case, Rule, words};
use crate::doctor::Severity;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "stopped",
    summary: "the program is stopped, or a debugger holds it",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for &pid in &case.subject.pids {
        if case.explained_pids.contains(&pid) {
            continue;
        }
        let first = threads(case, &[pid]).next();
        let Some((_, detail)) = first else { continue };
        let wait = wait(case, pid, detail);
        if !matches!(wait, Wait::Stopped(_)) {
            continue;
        }
        let mut cause = Cause::new(&RULE, Severity::Critical);
        cause.says(format!(
            "{} answers nobody.",
            words::program(case.facts, pid)
        ));
        follow(case, &mut cause, pid, detail, wait);
        let process = cause.graph.process(case.facts, pid);
        let state = vec![text("state", detail.thread.state)];
        let stop = cause
            .graph
            .node(Kind::Limit, format!("stop/{pid}"), "stopped", state);
        cause
            .graph
            .edge(&process, Relation::Reached, &stop, Vec::new());
        cause.explains_pids.push(pid);
        causes.push(cause);
    }
    causes
}
