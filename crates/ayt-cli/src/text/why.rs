//! The answer of `ayt why`.

use std::fmt::Write as _;
use std::io::{self, Write};

use ayt_core::doctor::Severity;
use ayt_core::why::Cause;
use ayt_guard::why::Answer;

use super::doctor::{INDENT, evidence, indented, labelled};
use super::escape::visible;
use super::{number, style, wrap};
use crate::output::page::Page;

/// Writes the paragraph, then for each cause its evidence and what to do, then what
/// was not seen and what was looked at.
pub(crate) fn write<W: Write>(out: &mut W, page: Page, answer: &Answer) -> io::Result<()> {
    let explanation = &answer.explanation;
    for line in wrap::lines(&visible(&explanation.sentence), page.prose_width()) {
        writeln!(out, "{line}")?;
    }
    for cause in &explanation.causes {
        writeln!(out)?;
        write_cause(out, page, cause)?;
    }
    if !explanation.notes.is_empty() || !explanation.partial.is_empty() {
        writeln!(out)?;
    }
    for note in &explanation.notes {
        let label = page.paint(style::TITLE, "note");
        labelled(out, page, &label, "note", note)?;
    }
    for partial in &explanation.partial {
        let label = page.paint(style::WARNING, "not seen");
        labelled(out, page, &label, "not seen", &partial.to_string())?;
    }
    writeln!(out)?;
    for line in wrap::lines(&looked_at(answer), page.prose_width()) {
        writeln!(out, "{}", page.paint(style::QUIET, &line))?;
    }
    Ok(())
}

/// Between two answers of `--watch`.
pub(crate) fn changed<W: Write>(out: &mut W, page: Page) -> io::Result<()> {
    writeln!(
        out,
        "\n{}\n",
        page.paint(style::TITLE, "The answer has changed:")
    )
}

fn write_cause<W: Write>(out: &mut W, page: Page, cause: &Cause) -> io::Result<()> {
    let painted = match cause.severity {
        Severity::Critical => style::ERROR,
        Severity::Warning => style::WARNING,
        Severity::Notice => style::TITLE,
    };
    let name = cause.severity.name();
    writeln!(
        out,
        "{}{}{}",
        page.paint(painted, name),
        " ".repeat(INDENT - name.len()),
        page.paint(style::TITLE, cause.id)
    )?;
    let mut label = "evidence";
    for link in cause.links.iter().filter(|link| !link.evidence.is_empty()) {
        indented(out, page, label, &evidence(&link.evidence))?;
        label = "";
    }
    let mut label = "do";
    for remedy in &cause.remedy {
        let mut text = remedy.clone();
        if !text.ends_with(['.', ')']) {
            text.push('.');
        }
        indented(out, page, label, &text)?;
        label = "";
    }
    Ok(())
}

fn looked_at(answer: &Answer) -> String {
    let facts = &answer.facts;
    let threads: usize = facts
        .inside
        .threads
        .values()
        .filter_map(|threads| Some(threads.known()?.seen.len()))
        .sum();
    let mut text = format!(
        "Looked at {} in {}, {} of {}",
        number::of(facts.sockets.len(), "socket"),
        number::of(facts.namespaces.len(), "namespace"),
        number::of(threads, "thread"),
        number::of(facts.inside.threads.len(), "process"),
    );
    match answer.asked {
        Some(0) if answer.refused > 0 => {
            let _ = write!(
                text,
                "; could ask none of {}.",
                number::of(answer.refused, "peer")
            );
        }
        Some(0) => text.push_str("; nobody had to be asked."),
        Some(asked) => {
            let _ = write!(text, "; asked {}.", number::of(asked, "peer"));
        }
        None => text.push_str("; asked nobody (--no-probe)."),
    }
    text
}
