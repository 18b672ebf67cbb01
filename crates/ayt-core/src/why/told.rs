//! A cause, as it is told: links of a chain, each a sentence with its evidence.

use super::graph::Graph;
use super::{Case, Rule};
use crate::doctor::{Evidence, Finding, Limits, Severity, Value, commands, rules};
use crate::facts::Cookie;

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// One or two sentences.
    pub says: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule's id.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The chain, from what hurts to what is behind it.
    pub links: Vec<Link>,
    /// What to do: first the command to paste, where there is one.
    pub remedy: Vec<String>,
    /// The chain as a graph.
    pub graph: Graph,
    /// Sockets about which no other rule need say a word.
    pub(super) explains: Vec<Cookie>,
    /// Processes, likewise.
    pub(super) explains_pids: Vec<u32>,
}

impl Cause {
    /// A cause with nothing to say yet.
    pub(super) fn new(rule: &Rule, severity: Severity) -> Self {
        Self {
            id: rule.id,
            severity,
            links: Vec::new(),
            remedy: Vec::new(),
            graph: Graph::default(),
            explains: Vec::new(),
            explains_pids: Vec::new(),
        }
    }

    /// Its part of the paragraph.
    #[must_use]
    pub fn sentence(&self) -> String {
        let links = self.links.iter().map(|link| link.says.as_str());
        let text = links.collect::<Vec<_>>().join(" ");
        // A program's name stays as it is.
        match text.strip_prefix("the ") {
            Some(rest) => format!("The {rest}"),
            None => match text.strip_prefix("a program ") {
                Some(rest) => format!("A program {rest}"),
                None => text,
            },
        }
    }

    /// Everything that was measured for it.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.links.iter().flat_map(|link| &link.evidence)
    }

    /// The next link.
    pub(super) fn says(&mut self, says: impl Into<String>) -> &mut Self {
        self.links.push(Link {
            says: says.into(),
            evidence: Vec::new(),
        });
        self
    }

    /// What shows the last link.
    pub(super) fn shown(&mut self, name: &'static str, value: Value) -> &mut Self {
        if let Some(link) = self.links.last_mut() {
            link.evidence.push(Evidence { name, value });
        }
        self
    }

    pub(super) fn counted(&mut self, name: &'static str, count: usize) -> &mut Self {
        self.shown(name, Value::Count(count as u64))
    }

    pub(super) fn remedy(&mut self, remedy: impl Into<String>) -> &mut Self {
        let remedy = remedy.into();
        if !self.remedy.contains(&remedy) {
            self.remedy.push(remedy);
        }
        self
    }
}

/// What one of the doctor's rules finds about the subject, as causes: its summary
/// is the first link.
pub(super) fn from_doctor(
    case: &Case<'_>,
    rule: &Rule,
    id: &str,
    limits: &Limits,
    concerns: impl Fn(&Finding) -> bool,
) -> Vec<(Cause, Finding)> {
    let Some(doctors) = rules::by_id(id) else {
        return Vec::new();
    };
    let outcome = (doctors.check)(case.facts, limits);
    let told = outcome.findings.into_iter().filter(concerns);
    told.map(|finding| {
        let mut cause = Cause::new(rule, finding.severity.max(Severity::Warning));
        cause.says(sentence(&finding.summary));
        cause.links[0].evidence.clone_from(&finding.evidence);
        cause.remedy(commands::without_why(&finding.remedy));
        for connection in &finding.connections {
            cause.explains.push(connection.cookie);
            // A graph of thousands helps nobody.
            if cause.explains.len() > super::words::SHOWN {
                continue;
            }
            if let Some(socket) = case.socket(connection.cookie) {
                let owners = case.facts.owners_of(socket);
                if owners.is_empty() {
                    cause.graph.socket(socket);
                }
                for owner in owners {
                    cause.graph.descriptor(case.facts, owner, socket);
                }
            }
        }
        (cause, finding)
    })
    .collect()
}

/// A clause as a sentence of its own: a capital and a full stop.
pub(super) fn sentence(clause: &str) -> String {
    let mut text = clause.to_owned();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
