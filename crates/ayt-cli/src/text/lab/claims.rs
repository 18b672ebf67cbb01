//! `ayt lab claims`.
//!
//! ```text
//! S16  refuted
//!      Told:  SO_LINGER sets how long TIME_WAIT lasts.
//!      True:  TIME_WAIT lasts 60 s whatever it says. ...
//!      + linger {on, 2}, the peer takes no data: close() returns after 2.023 s, ...
//! ```

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use ayt_lab::claims::{Shown, Verdict};

use crate::output::page::Page;
use crate::text::{notes, style, wrap};

/// Where everything but the number begins.
const INDENT: usize = 5;
/// Width of `Told:  `.
const LABEL: usize = 7;

/// Writes each claim with what was seen of it, and a summary; of `wanted` fewer were shown
/// when it was stopped.
pub(crate) fn claims<W: Write>(
    out: &mut W,
    page: Page,
    (shown, wanted): (&[Shown], usize),
    took: Duration,
) -> io::Result<()> {
    if shown.is_empty() {
        let text = format!("Stopped: none of {wanted} claims was shown.");
        return notes::say(out, page, style::WARNING, &text);
    }
    for one in shown {
        row(out, page, one)?;
        writeln!(out)?;
    }
    summary(out, page, shown, took)?;
    if shown.len() < wanted {
        let text = format!("Stopped: {} claims were not shown.", wanted - shown.len());
        notes::say(out, page, style::WARNING, &text)?;
    }
    Ok(())
}

fn row<W: Write>(out: &mut W, page: Page, shown: &Shown) -> io::Result<()> {
    let (word, colour) = verdict(&shown.verdict);
    let id = format!("{:<INDENT$}", shown.claim.id);
    writeln!(
        out,
        "{}{}",
        page.paint(style::TITLE, &id),
        page.paint(colour, &word)
    )?;
    if let Some(folk) = shown.claim.folk {
        part(out, page, "Told:", style::QUIET, folk)?;
    }
    part(out, page, "True:", style::PLAIN, shown.claim.truth)?;
    if let Some(elsewhere) = shown.claim.elsewhere {
        part(out, page, "Shown:", style::QUIET, elsewhere.how)?;
        for (file, name) in elsewhere.tests {
            block(
                out,
                page,
                ("- ", style::QUIET),
                2,
                style::QUIET,
                &format!("{file}: {name}"),
            )?;
        }
    }
    for (fact, holds) in &shown.facts {
        let (mark, colour) = match holds {
            true => ("+ ", style::GOOD),
            false => ("! ", style::ERROR),
        };
        block(out, page, (mark, colour), 2, style::PLAIN, fact)?;
    }
    let why = match &shown.verdict {
        Verdict::Failed(why) => format!("could not be shown: {why}"),
        Verdict::HeldUp(by) => format!(
            "not measured: this machine was late by {:.1} ms itself, each time",
            by.as_secs_f64() * 1e3
        ),
        _ => return Ok(()),
    };
    block(out, page, ("! ", style::ERROR), 2, style::ERROR, &why)
}

fn part<W: Write>(
    out: &mut W,
    page: Page,
    label: &str,
    colour: Style,
    text: &str,
) -> io::Result<()> {
    let label = format!("{label:<LABEL$}");
    block(out, page, (&label, style::QUIET), LABEL, colour, text)
}

/// A text after a label, wrapped beside it.
fn block<W: Write>(
    out: &mut W,
    page: Page,
    (label, label_colour): (&str, Style),
    width: usize,
    colour: Style,
    text: &str,
) -> io::Result<()> {
    let room = page.prose_width().saturating_sub(INDENT + width);
    for (at, line) in wrap::lines(text, room).iter().enumerate() {
        let label = match at {
            0 => page.paint(label_colour, label),
            _ => " ".repeat(width),
        };
        writeln!(out, "{:INDENT$}{label}{}", "", page.paint(colour, line))?;
    }
    Ok(())
}

fn verdict(verdict: &Verdict) -> (String, Style) {
    let (word, colour) = match verdict {
        Verdict::Holds => ("holds", style::GOOD),
        Verdict::Refuted => ("refuted, and put right", style::GOOD),
        Verdict::Differs(_) => ("differs here from what must be", style::ERROR),
        Verdict::HeldUp(_) => ("not measured", style::WARNING),
        Verdict::Failed(_) => ("failed", style::ERROR),
        Verdict::Elsewhere => ("shown by tests, not by the lab", style::QUIET),
    };
    (word.to_owned(), colour)
}

fn summary<W: Write>(out: &mut W, page: Page, shown: &[Shown], took: Duration) -> io::Result<()> {
    let count = |name: &str| {
        shown
            .iter()
            .filter(|one| one.verdict.name() == name)
            .count()
    };
    let named = [
        ("holds", "holding"),
        ("refuted", "refuted and put right"),
        ("elsewhere", "shown by tests"),
        ("held_up", "not measured"),
        ("differs", "differing"),
        ("failed", "failed"),
    ];
    let parts: Vec<String> = named
        .into_iter()
        .map(|(name, word)| (count(name), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{word}: {count}"))
        .collect();
    let well = shown.iter().all(|one| one.verdict.is_well());
    let colour = if well { style::GOOD } else { style::ERROR };
    let word = if shown.len() == 1 { "claim" } else { "claims" };
    let text = format!(
        "{} {word} in {} s: {}.",
        shown.len(),
        took.as_secs(),
        parts.join(", ")
    );
    notes::say(out, page, colour, &text)?;
    let text = "Times are counted as `ayt plan` counts, and planned earliest–latest.";
    notes::say(out, page, style::QUIET, text)
}
