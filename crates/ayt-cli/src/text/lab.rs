//! What `ayt lab` prints: the matrix of faults and detectors, what differs, the list.

mod claims;
mod list;
mod matrix;
mod noticed;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use ayt_core::plan::Path;
use ayt_lab::runner::{Outcome, Standing};
use ayt_lab::scenario::path_name;

pub(crate) use claims::claims;
pub(crate) use list::{files, list};
pub(crate) use noticed::noticed;

use super::table::{self, Align, Column, Cut};
use super::{escape, notes, style};
use crate::output::page::Page;

/// Writes the outcome of a run of `wanted` cells; fewer were run when it was stopped.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    (outcomes, wanted): (&[Outcome], usize),
    cells: bool,
    took: Duration,
) -> io::Result<()> {
    if outcomes.is_empty() {
        let text = format!("Stopped: none of {wanted} cells was run.");
        return notes::say(out, page, style::WARNING, &text);
    }
    if cells {
        one_each(out, page, outcomes)?;
        writeln!(out)?;
        let text = "Seconds. + data is sent after the fault; otherwise nothing was in flight.";
        notes::say(out, page, style::QUIET, text)?;
    } else {
        matrix::write(out, page, outcomes)?;
    }
    writeln!(out)?;
    wrong(out, page, outcomes)?;
    let well = count(outcomes, |outcome| outcome.standing == Standing::AsPlanned);
    let all = outcomes.len();
    let said = match well == all {
        true => format!("All {all} cells are as planned; {} s.", took.as_secs()),
        false => format!(
            "{well} of {all} cells are as planned; {} s.",
            took.as_secs()
        ),
    };
    let colour = if well == all {
        style::GOOD
    } else {
        style::ERROR
    };
    notes::say(out, page, colour, &said)?;
    if all < wanted {
        let text = format!("Stopped: {} cells were not run.", wanted - all);
        notes::say(out, page, style::WARNING, &text)?;
    }
    let again = count(outcomes, |outcome| outcome.retried.is_some());
    if again > 0 {
        let were = if again == 1 { "was" } else { "were" };
        let text = format!("{again} {were} late, and run again with less beside them.");
        notes::say(out, page, style::QUIET, &text)?;
    }
    let hasty: u32 = outcomes.iter().map(|outcome| outcome.false_deaths).sum();
    if hasty > 0 {
        let were = if hasty == 1 { "peer was" } else { "peers were" };
        let text = format!("{hasty} living {were} called dead (marked with !).");
        notes::say(out, page, style::WARNING, &text)?;
    }
    Ok(())
}

/// Says where files lie that were written.
pub(crate) fn kept<W: Write>(out: &mut W, page: Page, paths: &[PathBuf]) -> io::Result<()> {
    paths.iter().try_for_each(|path| {
        let text = format!("Written: {}", escape::visible(&path.display().to_string()));
        notes::say(out, page, style::QUIET, &text)
    })
}

fn count(outcomes: &[Outcome], which: impl Fn(&Outcome) -> bool) -> usize {
    outcomes.iter().filter(|outcome| which(outcome)).count()
}

/// What differs, and how.
fn wrong<W: Write>(out: &mut W, page: Page, outcomes: &[Outcome]) -> io::Result<()> {
    let mut any = false;
    for outcome in outcomes {
        let why = match &outcome.standing {
            Standing::AsPlanned => continue,
            Standing::Differs(why) => why.clone(),
            Standing::Failed(why) => format!("could not be run: {why}"),
            Standing::HeldUp(by) => format!(
                "not measured: this machine was late by {:.1} ms itself, each time",
                by.as_secs_f64() * 1e3
            ),
        };
        any = true;
        notes::item(out, page, &format!("{}: {why}", name(outcome)))?;
    }
    if any {
        writeln!(out)?;
    }
    Ok(())
}

/// `silent-drop × keepalive 2/1/2, in-flight`.
fn name(outcome: &Outcome) -> String {
    let cell = &outcome.cell;
    let settings = match cell.settings.as_str() {
        "" => String::new(),
        settings => format!(" {settings}"),
    };
    format!(
        "{} × {}{settings}, {}",
        cell.fault.name(),
        cell.detector.name(),
        path_name(cell.path)
    )
}

const COLUMNS: [Column; 8] = [
    Column::new("FAULT", Align::Left, 10, Cut::Never),
    Column::new("DETECTOR", Align::Left, 9, Cut::Never),
    Column::new("SETTINGS", Align::Left, 5, Cut::To(8)),
    Column::new("PATH", Align::Left, 6, Cut::Never),
    Column::new("FOUND", Align::Left, 8, Cut::To(9)),
    Column::new("AFTER", Align::Right, 9, Cut::Never),
    Column::new("PLANNED", Align::Left, 8, Cut::Never),
    Column::new("OFF BY", Align::Right, 4, Cut::Never),
];

fn one_each<W: Write>(out: &mut W, page: Page, outcomes: &[Outcome]) -> io::Result<()> {
    table::write(out, page, &COLUMNS, outcomes.len(), |at, row| {
        let outcome = &outcomes[at];
        let cell = &outcome.cell;
        row.cell(style::TITLE).push_str(cell.fault.name());
        row.cell(style::PLAIN).push_str(cell.detector.name());
        row.cell(style::QUIET).push_str(&cell.settings);
        row.cell(style::QUIET).push_str(match cell.path {
            Path::Idle => "idle",
            Path::InFlight => "+",
        });
        row.cell(colour(outcome)).push_str(match outcome.detected {
            true => outcome.cause.map_or("unknown", matrix::word),
            false => "alive",
        });
        *row.cell(style::PLAIN) = match outcome.measured.filter(|_| outcome.detected) {
            Some(time) => format!("{:.3}", time.as_secs_f64()),
            None => String::new(),
        };
        *row.cell(style::QUIET) = match outcome.planned {
            Some(span) => format!(
                "{:.3}–{:.3}",
                span.earliest.as_secs_f64(),
                span.latest.as_secs_f64()
            ),
            None => String::new(),
        };
        *row.cell(colour(outcome)) = match outcome.off_by() {
            Some(off) if off != 0.0 => format!("{:+.1}ms", off * 1e3),
            Some(_) => "0".to_owned(),
            None => String::new(),
        };
    })
}

fn colour(outcome: &Outcome) -> anstyle::Style {
    match (&outcome.standing, outcome.detected) {
        (Standing::AsPlanned, _) if outcome.false_deaths > 0 => style::WARNING,
        (Standing::AsPlanned, true) => style::GOOD,
        (Standing::AsPlanned, false) => style::QUIET,
        _ => style::ERROR,
    }
}

#[cfg(test)]
pub(crate) mod tests;
