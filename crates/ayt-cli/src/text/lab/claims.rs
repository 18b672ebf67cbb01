//! `ayt lab claims`.

use std::io::{self, Write};

use ayt_lab::claims::ROWS;
use ayt_lab::runner::{Outcome, Standing};

use super::name;
use crate::output::page::Page;
use crate::text::{notes, style, wrap};

/// Writes each row of the scope with what was measured here.
pub(crate) fn claims<W: Write>(out: &mut W, page: Page, outcomes: &[Outcome]) -> io::Result<()> {
    for row in ROWS {
        let cells: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| outcome.cell.shows.iter().any(|shown| shown == row.id))
            .collect();
        let holds = cells.iter().all(|one| one.standing == Standing::AsPlanned);
        let (word, colour) = match (cells.is_empty(), holds) {
            (true, _) => ("not shown here", style::QUIET),
            (false, true) => ("holds", style::GOOD),
            (false, false) => ("does not hold", style::ERROR),
        };
        let head = format!("{:<4}", row.id);
        let lines = wrap::lines(row.sentence, page.prose_width().saturating_sub(4));
        for (at, line) in lines.iter().enumerate() {
            let head = if at == 0 { head.as_str() } else { "    " };
            writeln!(out, "{}{line}", page.paint(style::TITLE, head))?;
        }
        writeln!(out, "    {}", page.paint(colour, word))?;
        if cells.is_empty() {
            for line in wrap::lines(row.elsewhere, page.prose_width().saturating_sub(4)) {
                writeln!(out, "    {}", page.paint(style::QUIET, &line))?;
            }
        }
        for outcome in cells {
            let text = format!("{}: {}", name(outcome), measured(outcome));
            for (at, line) in wrap::lines(&text, page.prose_width().saturating_sub(6))
                .iter()
                .enumerate()
            {
                let dash = if at == 0 { "- " } else { "  " };
                writeln!(out, "    {dash}{line}")?;
            }
            for (fact, holds) in &outcome.facts {
                let said = if *holds { "seen" } else { "not so" };
                writeln!(out, "      {said}: {fact}")?;
            }
        }
        writeln!(out)?;
    }
    notes::say(
        out,
        page,
        style::QUIET,
        "Times are seconds, counted as `ayt plan` counts, and planned [earliest, latest].",
    )
}

fn measured(outcome: &Outcome) -> String {
    let found = match (outcome.detected, outcome.cause) {
        (false, _) => "nobody noticed".to_owned(),
        (true, cause) => {
            let cause = cause.map_or("unknown", ayt_core::cause::Cause::name);
            match outcome.measured {
                Some(time) => format!("{cause} after {:.3}", time.as_secs_f64()),
                None => cause.to_owned(),
            }
        }
    };
    match outcome.planned {
        Some(span) => format!(
            "{found}, planned [{:.3}, {:.3}]",
            span.earliest.as_secs_f64(),
            span.latest.as_secs_f64()
        ),
        None => found,
    }
}
