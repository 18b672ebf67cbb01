//! Why does it not answer? One causal paragraph about a port, a process, a command
//! or a connection: which thread sits in which call on which descriptor, whose
//! peer is a ghost, who waits behind it.
//!
//! - [`subject`]: what somebody asks about, found in the facts;
//! - [`suspects`]: whose peers to ask, because the answer would matter;
//! - [`unsettled`]: whether to look longer before a program is accused;
//! - [`explain`]: the causes, the most important first, as sentences with their
//!   evidence and as a [`Graph`].
//!
//! A causal rule is one file beside this one, with a `RULE` that is named in
//! [`RULES`]. Rules only read facts and are given `now`: no clock, no I/O.

mod accept_stuck;
mod backlog_overflow;
mod case;
mod close_wait_leak;
mod descriptor_limit;
mod elsewhere;
mod firewall_drop;
mod graph;
mod half_open;
mod healthy;
mod inherited_descriptor;
mod peer_rebooted;
mod port_exhaustion;
mod retransmitting;
mod stopped;
pub mod subject;
mod suspects;
mod told;
mod unread;
mod waits;
mod words;
mod zero_window;

use std::time::Duration;

pub use accept_stuck::unsettled;
pub use case::{Case, other_end};
pub use graph::{Edge, Graph, Kind, Node, Relation};
pub use subject::{Scope, Subject, Unresolved, Wanted};
pub use suspects::{MOST_ASKED, suspects};
pub use told::{Cause, Link};

use crate::doctor::{Limits, Severity};
use crate::fact::Partial;
use crate::facts::HostFacts;

/// A causal rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, kebab case ("accept-stuck").
    pub id: &'static str,
    /// One line: what it explains.
    pub summary: &'static str,
    /// Looks at the case. What earlier rules have explained is in it.
    check: fn(&Case<'_>) -> Vec<Cause>,
}

/// Every causal rule, in the order in which causes of the same weight are told. An
/// earlier one takes what it explains from the later ones.
pub const RULES: &[&Rule] = &[
    &elsewhere::RULE,
    &descriptor_limit::RULE,
    &accept_stuck::RULE,
    &stopped::RULE,
    &backlog_overflow::RULE,
    &peer_rebooted::RULE,
    &half_open::RULE,
    &firewall_drop::RULE,
    &port_exhaustion::RULE,
    &zero_window::RULE,
    &retransmitting::RULE,
    &close_wait_leak::RULE,
    &unread::RULE,
    &inherited_descriptor::RULE,
];

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The paragraph.
    pub sentence: String,
    /// What is wrong, the most important cause first; none where nothing is.
    pub causes: Vec<Cause>,
    /// What is worth knowing and is no fault.
    pub notes: Vec<String>,
    /// All of it as a graph.
    pub graph: Graph,
    /// What could not be seen.
    pub partial: Vec<Partial>,
}

impl Explanation {
    /// What the sentence says, without times and counts that change by themselves:
    /// two answers with one gist say the same.
    #[must_use]
    pub fn gist(&self) -> String {
        let causes = self.causes.iter().map(|cause| {
            let links: Vec<String> = cause
                .graph
                .edges
                .iter()
                .map(|edge| format!("{} {} {}", edge.from, edge.relation.name(), edge.to))
                .collect();
            format!("{}({})", cause.id, links.join(", "))
        });
        causes.collect::<Vec<_>>().join("; ")
    }

    /// What to do, the first thing first, each once.
    #[must_use]
    pub fn remedy(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for remedy in self.causes.iter().flat_map(|cause| &cause.remedy) {
            if !all.contains(&remedy.as_str()) {
                all.push(remedy);
            }
        }
        all
    }
}

/// From when on something counts, where somebody asks because it hurts now: what
/// the doctor calls idle after a minute is told after two seconds.
#[must_use]
pub fn limits() -> Limits {
    let usual = Limits::default();
    Limits {
        idle_after: usual.pile_after,
        ..usual
    }
}

/// Explains the subject. `now` is the clock since boot at the look, on which threads
/// say when they last ran.
#[must_use]
pub fn explain(
    facts: &HostFacts,
    subject: &Subject,
    limits: &Limits,
    now: Duration,
) -> Explanation {
    let mut case = Case::new(facts, subject, limits, now);
    let mut causes: Vec<Cause> = Vec::new();
    for rule in RULES {
        for cause in (rule.check)(&case) {
            case.explained.extend(cause.explains.iter().copied());
            case.explained_pids
                .extend(cause.explains_pids.iter().copied());
            causes.push(cause);
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.severity));
    let (faults, remarks): (Vec<Cause>, Vec<Cause>) = causes
        .into_iter()
        .partition(|cause| cause.severity > Severity::Notice);
    let mut graph = Graph::default();
    case.sketch(&mut graph);
    for cause in faults.iter().chain(&remarks) {
        graph.merge(&cause.graph);
    }
    let sentence = match faults.as_slice() {
        [] => healthy::sentence(&case),
        causes => {
            let told: Vec<String> = causes.iter().map(Cause::sentence).collect();
            told.join(" Besides: ")
        }
    };
    Explanation {
        sentence,
        causes: faults,
        notes: remarks.iter().map(Cause::sentence).collect(),
        graph,
        partial: case.partial(),
    }
}

#[cfg(test)]
mod tests;
