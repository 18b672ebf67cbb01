//! The doctor: rules that read [`HostFacts`] and say what is wrong, on what
//! evidence, whom it concerns, why it matters and what to do.
//!
//! A rule is one file under `rules/` with one `RULE` constant, registered by its
//! name in [`rules`]. Rules only read: no clock, no I/O.

mod by_process;
pub(crate) mod commands;
mod finding;
pub(crate) mod group;
pub(crate) mod guard;
mod limits;
mod overdue;
pub(crate) mod queue;
pub mod rules;

pub use finding::{Connection, Evidence, Finding, Severity, Value};
pub use limits::Limits;

use crate::fact::Partial;
use crate::facts::HostFacts;

/// A diagnosis rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, kebab case ("close-wait-leak").
    pub id: &'static str,
    /// One line: what it finds.
    pub summary: &'static str,
    /// What it is, why it matters, how ayt decides, and where it may be wrong;
    /// with sources. Paragraphs are separated by an empty line.
    pub explanation: &'static str,
    /// What to do about it, in general.
    pub remedy: &'static str,
    /// Looks at the facts.
    pub check: fn(&HostFacts, &Limits) -> Outcome,
}

/// What a rule saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What the rule could not decide, and why: facts it needed are unknown.
    pub unknown: Vec<Partial>,
}

/// The result of all rules together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// Findings, worst first, then in the order of the rules.
    pub findings: Vec<Finding>,
    /// What could not be seen or decided.
    pub partial: Vec<Partial>,
}

/// Runs `rules` over the facts.
#[must_use]
pub fn examine<'a>(
    facts: &HostFacts,
    limits: &Limits,
    rules: impl IntoIterator<Item = &'a Rule>,
) -> Diagnosis {
    let mut diagnosis = Diagnosis {
        findings: Vec::new(),
        partial: facts.partial.clone(),
    };
    for rule in rules {
        let outcome = (rule.check)(facts, limits);
        diagnosis.findings.extend(outcome.findings);
        for gap in outcome.unknown {
            if !diagnosis.partial.contains(&gap) {
                diagnosis.partial.push(gap);
            }
        }
    }
    diagnosis
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    diagnosis
}
