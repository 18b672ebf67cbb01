//! Data has arrived, and the program does not read it.

use super::told::{Cause, from_doctor};
use super::waits::{best, follow};
use super::{Case, Rule};
use crate::facts::Owner;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "unread",
    summary: "data has arrived, and the program does not read it",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let found = from_doctor(case, &RULE, "reader-stuck", case.limits, |finding| {
        // A pool does not look at what it does not use: a notice, no fault.
        finding.severity > crate::doctor::Severity::Notice
            && case.concerns(finding.connections.iter().map(|one| one.cookie))
    });
    found
        .into_iter()
        .filter_map(|(mut cause, finding)| {
            let mut pids: Vec<u32> = finding.owners.iter().map(|one: &Owner| one.pid).collect();
            pids.sort_unstable();
            pids.dedup();
            if pids.iter().any(|pid| case.explained_pids.contains(pid)) {
                return None;
            }
            if let Some((pid, detail, wait)) = best(case, &pids) {
                follow(case, &mut cause, pid, detail, wait);
            }
            Some(cause)
        })
        .collect()
}
