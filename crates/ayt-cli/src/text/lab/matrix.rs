//! The matrix: a row a fault and path, a column a detector.

use std::io::{self, Write};

use ayt_core::cause::Cause;
use ayt_core::plan::Path;
use ayt_lab::detectors::Detector;
use ayt_lab::faults::Fault;
use ayt_lab::runner::{Outcome, Standing};

use super::colour;
use crate::output::page::Page;
use crate::text::{notes, style};

/// Width of the names on the left.
const NAMES: usize = 15;

/// Writes it, and what its letters mean.
pub(super) fn write<W: Write>(out: &mut W, page: Page, outcomes: &[Outcome]) -> io::Result<()> {
    let columns: Vec<Detector> = Detector::ALL
        .into_iter()
        .filter(|detector| outcomes.iter().any(|one| one.cell.detector == *detector))
        .collect();
    for line in 0..2 {
        let mut text = " ".repeat(NAMES);
        for detector in &columns {
            text += &format!("{:>1$}", title(*detector)[line], width(detector));
        }
        if !text.trim().is_empty() {
            writeln!(out, "{}", page.paint(style::TITLE, text.trim_end()))?;
        }
    }
    for (fault, path, level) in rows(outcomes) {
        let mark = match (path, level) {
            (Path::InFlight, 0) => format!("{}+", fault.name()),
            (_, 0) => fault.name().to_owned(),
            _ => " other settings".to_owned(),
        };
        let mut line = format!("{mark:<NAMES$}");
        for detector in &columns {
            let cell = of(outcomes, fault, path, *detector).nth(level);
            let text = cell.map_or(String::new(), brief);
            let text = format!("{text:>0$}", width(detector));
            line += &match cell {
                Some(outcome) => page.paint(colour(outcome), &text),
                None => text,
            };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out)?;
    let letters: Vec<String> = LETTERS
        .iter()
        .filter(|(_, cause, _)| outcomes.iter().any(|one| one.cause == Some(*cause)))
        .map(|(letter, _, what)| format!("{letter} {what}"))
        .collect();
    let text = format!(
        "Seconds until it was noticed, and how: {}. – nobody noticed; · the peer lives, and \
         so it was left. + data is sent after the fault.",
        letters.join(", ")
    );
    notes::say(out, page, style::QUIET, &text)
}

const LETTERS: [(&str, Cause, &str); 7] = [
    ("F", Cause::PeerClosed, "FIN"),
    ("R", Cause::PeerReset, "RST"),
    ("K", Cause::KeepaliveTimeout, "keepalive"),
    ("U", Cause::UserTimeout, "user timeout"),
    ("H", Cause::HeartbeatMissed, "heartbeat"),
    ("N", Cause::Unreachable, "unreachable"),
    ("A", Cause::Unanswered, "asked and silent"),
];

/// How it was noticed, in a word or two.
pub(super) fn word(cause: Cause) -> &'static str {
    let found = LETTERS.iter().find(|(_, known, _)| *known == cause);
    found.map_or(cause.name(), |(_, _, word)| word)
}

/// Its name on two lines: all of them fit the width of a terminal.
const fn title(detector: Detector) -> [&'static str; 2] {
    match detector {
        Detector::Keepalive => ["keep-", "alive"],
        Detector::UserTimeout => ["user", "timeout"],
        Detector::Heartbeat => ["heart-", "beat"],
        Detector::Accrual => ["accr-", "ual"],
        Detector::Session => ["ses-", "sion"],
        Detector::Adaptive => ["adap-", "tive"],
        other => ["", other.name()],
    }
}

/// With the space before it.
const fn width(detector: &Detector) -> usize {
    match detector {
        // What calls a living peer dead has a sign before it.
        Detector::UserTimeout | Detector::Both => 8,
        _ => 7,
    }
}

fn of(
    outcomes: &[Outcome],
    fault: Fault,
    path: Path,
    detector: Detector,
) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(move |outcome| {
        let cell = &outcome.cell;
        (cell.fault, cell.path, cell.detector) == (fault, path, detector)
    })
}

/// The rows there are: with more than one setting of a detector, more than one.
fn rows(outcomes: &[Outcome]) -> Vec<(Fault, Path, usize)> {
    let mut rows = Vec::new();
    for fault in Fault::ALL {
        for path in [Path::Idle, Path::InFlight] {
            let most = Detector::ALL
                .into_iter()
                .map(|detector| of(outcomes, *fault, path, detector).count())
                .max();
            rows.extend((0..most.unwrap_or(0)).map(|level| (*fault, path, level)));
        }
    }
    rows
}

/// `4.06K`.
fn brief(outcome: &Outcome) -> String {
    let text = match (outcome.detected, outcome.measured) {
        (true, Some(time)) => {
            let letter = LETTERS
                .iter()
                .find(|(_, cause, _)| outcome.cause == Some(*cause))
                .map_or("?", |(letter, ..)| letter);
            let seconds = time.as_secs_f64();
            let digits = match seconds {
                ..10.0 => 2,
                ..100.0 => 1,
                _ => 0,
            };
            format!("{seconds:.digits$}{letter}")
        }
        (true, None) => "yes".to_owned(),
        (false, _) if outcome.cell.effect().is_death() => "–".to_owned(),
        (false, _) => "·".to_owned(),
    };
    match outcome.standing {
        Standing::AsPlanned if outcome.false_deaths > 0 => format!("!{text}"),
        Standing::AsPlanned => text,
        Standing::HeldUp(_) => format!("?{text}"),
        Standing::Differs(_) | Standing::Failed(_) => format!("✗{text}"),
    }
}
