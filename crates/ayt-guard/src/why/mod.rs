//! Answers why a port, a process, a command or a connection does not answer: looks
//! at the host, looks closer at the processes concerned, asks the peers whose
//! answer matters, and lets [`ayt_core::why`] explain.

mod closer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::doctor::Limits;
use ayt_core::fact::{Partial, Why};
use ayt_core::facts::{HostFacts, HostParts, NsId};
use ayt_core::filter::Filter;
use ayt_core::verdict::Verdict;
use ayt_core::why::{
    Case, Explanation, Scope, Subject, Unresolved, Wanted, explain, subject, suspects,
};
use ayt_sys::{monotonic_now, read_process};

use crate::collect::{Collect, CollectError, Exact, collect, doctor::now, tables};
use crate::probe::{self, Probe, Progress, Report, probe};

/// What to explain, and how.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is asked about.
    pub wanted: Wanted,
    /// Network namespaces that are meant by "here", by name or inode number; the
    /// one ayt runs in where none is named.
    pub namespaces: Vec<String>,
    /// From when on something counts.
    pub limits: Limits,
    /// Between two looks at an accept queue in which somebody waits. Where its
    /// program may merely be slow it is looked at on, for `limits.idle_after` at
    /// most.
    pub apart: Duration,
    /// How to ask peers; `None` asks nobody.
    pub probe: Option<Probe>,
}

impl Question {
    /// The time between two looks: long enough for most programs that serve clients
    /// one after another to take some, short enough to answer at once.
    pub const APART: Duration = Duration::from_millis(150);
}

/// The answer, and what it rests on.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was seen.
    pub facts: HostFacts,
    /// What was asked about.
    pub subject: Subject,
    /// Why.
    pub explanation: Explanation,
    /// Peers that were asked; `None` where none was to be.
    pub asked: Option<usize>,
    /// Peers that were to be asked, and could not be.
    pub refused: usize,
    /// The asking was stopped before its end.
    pub interrupted: bool,
    /// Sockets on which this run undid what a killed one had left.
    pub undone: usize,
}

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// Nothing could be seen.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// It is not clear what is asked about.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
}

/// Explains.
///
/// # Errors
/// When nothing could be seen, or it is not clear what is asked about.
pub fn why(
    question: &Question,
    stop: &AtomicBool,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Answer, WhyError> {
    let (facts, subject, first) = find(question)?;
    let facts = closer::look(facts, &subject, first, question, stop);
    let clock = monotonic_now();
    let mut answer = Answer {
        explanation: Explanation {
            sentence: String::new(),
            causes: Vec::new(),
            notes: Vec::new(),
            graph: ayt_core::why::Graph::default(),
            partial: Vec::new(),
        },
        facts,
        subject,
        asked: None,
        refused: 0,
        interrupted: stop.load(Ordering::Relaxed),
        undone: 0,
    };
    let mut notes = Vec::new();
    if let Some(how) = &question.probe {
        let case = Case::new(&answer.facts, &answer.subject, &question.limits, clock);
        let targets = suspects(&case);
        answer.asked = Some(0);
        if !targets.is_empty() {
            let report = probe(&answer.facts, &targets, how, stop, on_progress);
            notes = left_behind(&report);
            answer.asked = Some(report.answers.iter().filter(|one| one.asks > 0).count());
            answer.refused = report.answers.iter().filter_map(refused).count();
            answer.interrupted |= report.interrupted;
            answer.undone = report.undone;
            answer.facts = with_verdicts(answer.facts, report);
        }
    }
    answer.explanation = explain(&answer.facts, &answer.subject, &question.limits, clock);
    answer.explanation.notes.extend(notes);
    Ok(answer)
}

/// What asking by the keepalive engine has left on connections: see `ayt probe`.
fn left_behind(report: &Report) -> Vec<String> {
    let answers = report.answers.iter();
    let pinned = answers.filter(|one| !one.pinned.is_empty()).count();
    let raised = report
        .answers
        .iter()
        .filter(|one| one.probes_raised > 0)
        .count();
    let mut notes = Vec::new();
    if pinned > 0 {
        notes.push(format!(
            "the keepalive idle time of {pinned} of the connections asked followed the sysctl; \
             it keeps its present value from now on"
        ));
    }
    if raised > 0 {
        notes.push(format!(
            "the kernel counts the unanswered asks on {raised} of the connections as unanswered \
             keepalive probes until the peer is heard"
        ));
    }
    notes
}

/// The facts, what is asked about in them, and when the look was over. Where
/// namespaces are named the look is at these; where nothing listens on a port
/// there, at all.
fn find(question: &Question) -> Result<(HostFacts, Subject, std::time::Instant), WhyError> {
    let (facts, subject, first) = find_in(question, &question.namespaces)?;
    let lost = subject.port.is_some() && subject.listeners.is_empty();
    if lost && !question.namespaces.is_empty() {
        return find_in(question, &[]);
    }
    Ok((facts, subject, first))
}

fn find_in(
    question: &Question,
    namespaces: &[String],
) -> Result<(HostFacts, Subject, std::time::Instant), WhyError> {
    let facts = collect(&Collect {
        filter: Filter {
            namespaces: namespaces.to_vec(),
            ..Filter::default()
        },
        exact: Exact::Never,
        doctor: None,
    })?;
    let first = now();
    let mut parts = facts.into_parts();
    // A process may hold no socket at all, and that is an answer too.
    if let Wanted::Pid(pid) | Wanted::Number(pid) = question.wanted
        && !parts.processes.contains_key(&pid)
    {
        add_process(&mut parts, pid);
    }
    let facts = HostFacts::new(parts);
    let scope = Scope {
        here: here(&facts, &question.namespaces),
        only: !question.namespaces.is_empty(),
    };
    let exists = |pid| facts.processes.contains_key(&pid);
    let subject = subject::resolve(&facts, &question.wanted, &scope, &exists)?;
    Ok((facts, subject, first))
}

/// The namespaces that are meant by "here".
fn here(facts: &HostFacts, named: &[String]) -> Vec<NsId> {
    let namespaces = facts.namespaces.iter();
    if named.is_empty() {
        let own = namespaces.filter(|ns| ns.name == tables::OWN);
        return own.map(|ns| ns.id).collect();
    }
    let filter = Filter {
        namespaces: named.to_vec(),
        ..Filter::default()
    };
    let wanted = namespaces.filter(|ns| filter.wants_namespace(&ns.name, ns.inode));
    wanted.map(|ns| ns.id).collect()
}

/// Adds a process that holds no TCP socket; nothing where it has gone.
pub(super) fn add_process(parts: &mut HostParts, pid: u32) {
    let count = || {
        let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        u32::try_from(entries.count()).ok()
    };
    if let Some(process) = read_process(pid, count()) {
        parts.processes.insert(pid, process);
    }
}

/// Why a peer was not asked, where it was to be and is still there.
fn refused(answer: &probe::Answer) -> Option<&Why> {
    match &answer.verdict {
        Verdict::Unknown(why) if *why != Why::Vanished => Some(why),
        _ => None,
    }
}

/// What the probe could not see. Where nobody could be asked only why: what more it
/// would not have seen is of no use then.
fn gaps(report: &Report) -> Vec<Partial> {
    let refused: Option<Vec<&Why>> = report.answers.iter().map(refused).collect();
    let Some(refused) = refused.filter(|refused| !refused.is_empty()) else {
        return report.partial.clone();
    };
    let no_right = |why: &&&Why| matches!(why, Why::NoRight { .. } | Why::OwnerHidden);
    let (why, remedy) = match refused.iter().find(no_right) {
        Some(_) => (
            "no descriptor of theirs may be used, nor a raw socket be opened".to_owned(),
            "run as root, or grant CAP_NET_RAW",
        ),
        None => (refused[0].to_string(), "`ayt probe` shows which"),
    };
    vec![Partial {
        what: match refused.len() {
            1 => "whether 1 peer is there".to_owned(),
            n => format!("whether {n} peers are there"),
        },
        why,
        remedy: remedy.to_owned(),
    }]
}

/// Puts what the probe said into the facts.
fn with_verdicts(facts: HostFacts, report: Report) -> HostFacts {
    let mut parts = facts.into_parts();
    parts.partial.extend(gaps(&report));
    for answer in report.answers {
        parts.inside.asks.insert(answer.cookie, answer.asks);
        // What has ended by itself meanwhile is no suspect any more, and what may
        // not be asked stays as it was: unknown.
        if !matches!(answer.verdict, Verdict::Unknown(_)) {
            parts.verdicts.insert(answer.cookie, answer.verdict);
        }
    }
    HostFacts::new(parts)
}
