//! Shows claims: their cells first, then what each shows by itself, many at once.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ayt_core::cause::Cause;

use super::scene::Shared;
use super::{Claim, Scene, Shows};
use crate::clock;
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fact;
use crate::runner::{self, Lateness, Outcome, Progress, Standing, Surroundings, Tools, batch};
use crate::scenario::{self, Cell};

/// How many are shown at once: each is two hosts that wait most of the time.
const AT_ONCE: usize = 8;
/// How many of those that were late are shown at once in each further try.
const AGAIN_AT_ONCE: [usize; 3] = [2, 1, 1];

/// A claim, with what was seen of it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The claim.
    pub claim: &'static Claim,
    /// What was seen, a sentence each, and whether it is as it must be.
    pub facts: Vec<Fact>,
    /// How it stands.
    pub verdict: Verdict,
    /// It was late at first, and shown again with less beside it.
    pub retried: bool,
}

/// How a claim stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The sentence is as it is told, and was seen.
    Holds,
    /// What is told is refuted: the true sentence was seen.
    Refuted,
    /// Something was not seen as it must be: this.
    Differs(String),
    /// Later than planned, on a machine that was late by so much itself: not measured.
    HeldUp(Duration),
    /// It could not be shown: this.
    Failed(String),
    /// A test shows it, not the lab.
    Elsewhere,
}

impl Verdict {
    /// The word for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Refuted => "refuted",
            Self::Differs(_) => "differs",
            Self::HeldUp(_) => "held_up",
            Self::Failed(_) => "failed",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// Nothing stands against the sentence.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        matches!(self, Self::Holds | Self::Refuted | Self::Elsewhere)
    }
}

/// What a claim's own show brought.
#[derive(Debug, Default)]
struct Own {
    facts: Vec<Fact>,
    over: Option<Duration>,
    held_up: Option<Duration>,
    failed: Option<String>,
}

/// Shows claims, in their order; those that need a minute or more only with `slow`.
/// What was late, or went wrong on a machine that was late, is shown again when the
/// others are done, at most three times. `stop` ends it early, with what there is by then.
///
/// # Errors
/// When no host can be made at all.
pub fn run(
    claims: &[&'static Claim],
    slow: bool,
    tools: Tools<'_>,
    stop: &AtomicBool,
    mut progress: impl FnMut(Progress),
) -> Result<Vec<Shown>, LabError> {
    let cells = cells(claims, slow, tools.prober.is_some())?;
    let own = claims.iter().filter(|claim| claim.show.is_some()).count();
    let all = cells.len() + own;
    let mut outcomes = match cells.is_empty() {
        true => Vec::new(),
        false => runner::run(&cells, tools, stop, |now| progress(Progress { all, ..now }))?,
    };
    again(&mut outcomes, tools, stop)?;
    let shared = Shared {
        program: tools.program,
        surroundings: Surroundings::look()?,
        lateness: Lateness::watch(),
        stop,
        making: Mutex::new(()),
    };
    let mut shows: Vec<Option<Own>> = claims.iter().map(|_| None).collect();
    let mut retried = vec![false; claims.len()];
    let has_own = |at: &usize| claims[*at].show.is_some();
    let first: VecDeque<usize> = (0..claims.len()).filter(has_own).collect();
    let mut done = cells.len();
    let work = |at: usize| show(claims[at], &shared);
    batch(first, AT_ONCE, stop, work, |at, own| {
        let Some(own) = own else { return };
        shows[at] = Some(own);
        done += 1;
        let again = false;
        progress(Progress { done, all, again });
    });
    for at_once in AGAIN_AT_ONCE {
        let was_late = |at: &usize| shows[*at].as_ref().is_some_and(|own| own.over.is_some());
        let late: VecDeque<usize> = (0..claims.len()).filter(was_late).collect();
        if late.is_empty() {
            break;
        }
        shared.lateness.calm(runner::CALM, stop);
        late.iter().for_each(|at| retried[*at] = true);
        let mut done = all - late.len();
        batch(late, at_once, stop, work, |at, own| {
            let Some(own) = own else { return };
            shows[at] = Some(own);
            done += 1;
            let again = true;
            progress(Progress { done, all, again });
        });
    }
    let mut shown = Vec::new();
    for ((claim, own), retried) in claims.iter().zip(shows).zip(retried) {
        let unseen = claim.show.is_some() && own.is_none();
        let mine = |shows: &Shows| outcomes.iter().find(|outcome| shows.is(&outcome.cell));
        let seen: Vec<_> = claim.cells.iter().map(|one| (one, mine(one))).collect();
        let missing = |(one, found): &(&Shows, Option<&Outcome>)| {
            found.is_none() && cells.iter().any(|cell| one.is(cell))
        };
        if unseen || seen.iter().any(missing) {
            // It was stopped.
            continue;
        }
        let seen: Vec<(&Shows, &Outcome)> = seen
            .into_iter()
            .filter_map(|(one, found)| Some((one, found?)))
            .collect();
        shown.push(judge(claim, &seen, own.unwrap_or_default(), retried));
    }
    Ok(shown)
}

/// Runs cells again that the machine still held up when they were tried twice, now that
/// nothing else runs.
fn again(outcomes: &mut [Outcome], tools: Tools<'_>, stop: &AtomicBool) -> Result<(), LabError> {
    let held_up = |outcome: &&mut Outcome| matches!(outcome.standing, Standing::HeldUp(_));
    let late: Vec<&mut Outcome> = outcomes.iter_mut().filter(held_up).collect();
    if late.is_empty() {
        return Ok(());
    }
    let cells: Vec<Cell> = late.iter().map(|outcome| outcome.cell.clone()).collect();
    let second = runner::run(&cells, tools, stop, |_| ())?;
    if second.len() == late.len() {
        for (outcome, second) in late.into_iter().zip(second) {
            let retried = outcome.retried;
            *outcome = second;
            outcome.retried = outcome.retried.or(retried);
        }
    }
    Ok(())
}

/// The cells that these claims need, each once.
fn cells(claims: &[&'static Claim], slow: bool, can_probe: bool) -> Result<Vec<Cell>, LabError> {
    let all = scenario::standard()
        .map_err(|error| LabError::other("the standard set", error.to_string(), None))?;
    let wanted = |cell: &Cell| {
        let mut shows = claims.iter().flat_map(|claim| claim.cells);
        shows.any(|one| one.is(cell))
    };
    let possible =
        |cell: &Cell| (slow || !cell.slow) && (can_probe || cell.detector != Detector::Probe);
    Ok(all
        .into_iter()
        .filter(|cell| wanted(cell) && possible(cell))
        .collect())
}

fn show(claim: &Claim, shared: &Shared<'_>) -> Own {
    let began = clock::now();
    let mut scene = Scene::new(shared);
    let failed = match claim.show {
        None => None,
        Some(show) => show(&mut scene).err().map(|error| error.to_string()),
    };
    if failed.is_some() || scene.facts.iter().any(|(_, holds)| !holds) {
        scene.over = scene.over.or(shared.lateness.busy(began));
    }
    Own {
        facts: scene.facts,
        over: scene.over,
        held_up: scene.held_up,
        failed,
    }
}

fn judge(claim: &'static Claim, cells: &[(&Shows, &Outcome)], own: Own, retried: bool) -> Shown {
    let mut facts = Vec::new();
    let (mut failed, mut held_up) = (own.failed, own.held_up);
    for (shows, outcome) in cells {
        match &outcome.standing {
            Standing::Failed(why) => failed = Some(why.clone()),
            Standing::HeldUp(by) => held_up = Some(*by),
            Standing::AsPlanned | Standing::Differs(_) => {}
        }
        let holds = !matches!(outcome.standing, Standing::Differs(_));
        facts.push((sentence(shows, outcome), holds));
    }
    facts.extend(own.facts);
    let differs = facts.iter().find(|(_, holds)| !holds);
    let verdict = match (failed, differs, held_up) {
        (Some(why), ..) => Verdict::Failed(why),
        (_, Some((fact, _)), _) => Verdict::Differs(fact.clone()),
        (.., Some(by)) => Verdict::HeldUp(by),
        _ if claim.elsewhere.is_some() => Verdict::Elsewhere,
        _ if facts.is_empty() => Verdict::Failed("nothing was seen of it".to_owned()),
        _ if claim.folk.is_some() => Verdict::Refuted,
        _ => Verdict::Holds,
    };
    Shown {
        claim,
        facts,
        verdict,
        retried: retried || cells.iter().any(|(_, outcome)| outcome.retried.is_some()),
    }
}

/// `rebooted: peer_reset after 2.043 s, planned 1.996–2.041 (keepalive 2/1/2)`, and what
/// else was seen.
fn sentence(shows: &Shows, outcome: &Outcome) -> String {
    let found = match (outcome.detected, outcome.cause) {
        (false, _) => "not noticed".to_owned(),
        (true, cause) => {
            let cause = cause.map_or("unknown", Cause::name);
            match outcome.measured {
                Some(time) => format!("{cause} after {:.3} s", time.as_secs_f64()),
                None => cause.to_owned(),
            }
        }
    };
    let planned = outcome.planned.map_or(String::new(), |span| {
        let (earliest, latest) = (span.earliest.as_secs_f64(), span.latest.as_secs_f64());
        format!(", planned {earliest:.3}–{latest:.3}")
    });
    let settings = match outcome.cell.settings.as_str() {
        "" => String::new(),
        settings => format!(" {settings}"),
    };
    let detector = match outcome.cell.detector {
        Detector::None => "nothing set",
        detector => detector.name(),
    };
    let seen = outcome.facts.iter().filter(|(_, holds)| *holds);
    let seen: String = seen.map(|(fact, _)| format!("; {fact}")).collect();
    let differs = match &outcome.standing {
        Standing::Differs(why) => format!("; {why}"),
        _ => String::new(),
    };
    format!(
        "{}: {found}{planned} ({detector}{settings}){seen}{differs}",
        shows.what
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(facts: &[(&str, bool)]) -> Own {
        Own {
            facts: facts
                .iter()
                .map(|(text, holds)| ((*text).to_owned(), *holds))
                .collect(),
            ..Own::default()
        }
    }

    fn verdict(id: &str, own: Own) -> Verdict {
        judge(Claim::named(id).unwrap(), &[], own, false).verdict
    }

    #[test]
    fn a_folk_sentence_is_refuted_and_another_holds() {
        assert_eq!(verdict("S16", own(&[("it is so", true)])), Verdict::Refuted);
        assert_eq!(verdict("S1", own(&[("it is so", true)])), Verdict::Holds);
        assert_eq!(verdict("S21", Own::default()), Verdict::Elsewhere);
    }

    #[test]
    fn one_fact_that_does_not_hold_is_enough_and_nothing_seen_is_no_proof() {
        let seen = own(&[("it is so", true), ("it is not", false)]);
        assert_eq!(
            verdict("S1", seen),
            Verdict::Differs("it is not".to_owned())
        );
        assert!(matches!(verdict("S1", Own::default()), Verdict::Failed(_)));
    }

    #[test]
    fn a_late_machine_proves_nothing_and_excuses_no_other_fact() {
        let by = Duration::from_millis(9);
        let late = |facts| Own {
            held_up: Some(by),
            ..own(facts)
        };
        assert_eq!(verdict("S1", late(&[("late", true)])), Verdict::HeldUp(by));
        let seen = late(&[("late", true), ("wrong", false)]);
        assert_eq!(verdict("S1", seen), Verdict::Differs("wrong".to_owned()));
    }
}
