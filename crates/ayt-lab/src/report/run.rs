//! From what the runner measured to what the page shows.

use ayt_core::plan::Path;

use super::{Event, Run};
use crate::claims::Claim;
use crate::error::LabError;
use crate::faults::Fault;
use crate::runner::commands::Trial;
use crate::runner::{self, Standing};

/// The sides of a bed.
const HOSTS: [&str; 2] = ["server", "client"];

impl Run {
    /// Of a fault between two commands: what the server, whose peer broke, noticed.
    #[must_use]
    pub fn of_trial(fault: Fault, trial: &Trial) -> Self {
        let [server, _] = &trial.sides;
        let mut events = Vec::new();
        for noticed in &trial.sides {
            let told = |after: Option<_>, what: String| {
                let at = trial.zero + after?;
                Some(Event::from((at, noticed.side, what)))
            };
            let cause = noticed.cause.map_or("an end", ayt_core::cause::Cause::name);
            events.extend(told(noticed.after, format!("its kernel knows: {cause}")));
            events.extend(told(noticed.closed, "closed".to_owned()));
        }
        events.sort_by_key(|event| event.at);
        Self {
            name: fault.name().to_owned(),
            fault: fault.name().to_owned(),
            detector: "the server".to_owned(),
            cause: server.cause.map(Into::into),
            detected: server.after.is_some(),
            measured: server.after,
            zero: trial.zero,
            hosts: HOSTS.map(str::to_owned),
            events,
            records: trial.records.clone(),
            forgotten: trial.forgotten,
            ..Self::default()
        }
    }
}

impl Run {
    /// Of a fault between two commands that could not be tried, and why.
    #[must_use]
    pub fn not_tried(fault: Fault, why: &LabError) -> Self {
        Self {
            name: fault.name().to_owned(),
            fault: fault.name().to_owned(),
            detector: "the server".to_owned(),
            differs: Some(format!("could not be run: {why}")),
            hosts: HOSTS.map(str::to_owned),
            ..Self::default()
        }
    }
}

impl From<&runner::Outcome> for Run {
    fn from(outcome: &runner::Outcome) -> Self {
        let cell = &outcome.cell;
        let (fault, detector) = (cell.fault.name(), cell.detector.name());
        let sent = match cell.path {
            Path::Idle => "",
            Path::InFlight => "in flight",
        };
        let settings: Vec<&str> = [cell.settings.as_str(), sent]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        let settings = settings.join(", ");
        Self {
            name: format!("{fault} {detector} {settings}")
                .trim_end()
                .to_owned(),
            fault: fault.to_owned(),
            detector: detector.to_owned(),
            settings,
            cause: outcome.cause.map(Into::into),
            detected: outcome.detected,
            measured: outcome.measured,
            planned: outcome.planned.map(|span| [span.earliest, span.latest]),
            false_deaths: outcome.false_deaths.into(),
            differs: match &outcome.standing {
                Standing::AsPlanned => None,
                Standing::Differs(why) => Some(why.clone()),
                Standing::Failed(why) => Some(format!("could not be run: {why}")),
                Standing::HeldUp(by) => Some(format!(
                    "not measured: this machine was late by {:.1} ms itself, each time",
                    by.as_secs_f64() * 1e3
                )),
            },
            shows: cell.shows.iter().map(|row| sentence(row)).collect(),
            facts: outcome.facts.clone(),
            zero: outcome.zero,
            counted_from: outcome.counted_from,
            hosts: HOSTS.map(str::to_owned),
            // The fault itself is drawn.
            events: outcome
                .events
                .iter()
                .filter(|event| event.side.is_some())
                .cloned()
                .collect(),
            records: outcome.records.clone(),
            forgotten: outcome.forgotten,
        }
    }
}

/// A row of the scope with what is so, where the lab has it.
fn sentence(row: &str) -> String {
    Claim::named(row).map_or_else(
        || row.to_owned(),
        |claim| format!("{}: {}", claim.id, claim.truth),
    )
}
