//! The rules in their own words.

use std::io::{self, Write};

use ayt_core::doctor::Rule;

use super::{style, wrap};
use crate::output::page::Page;

/// Writes one rule's explanation.
pub(crate) fn explain<W: Write>(out: &mut W, page: Page, rule: &Rule) -> io::Result<()> {
    let width = page.prose_width();
    writeln!(
        out,
        "{}: {}\n",
        page.paint(style::TITLE, rule.id),
        rule.summary
    )?;
    write!(out, "{}", wrap::paragraphs(rule.explanation, 2, width))?;
    writeln!(out, "\n{}", page.paint(style::TITLE, "What to do"))?;
    write!(out, "{}", wrap::paragraphs(rule.remedy, 2, width))
}

/// Writes the list of rules.
pub(crate) fn list<W: Write>(out: &mut W, page: Page, rules: &[&Rule]) -> io::Result<()> {
    let widest = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0) + 2;
    for rule in rules {
        let lines = wrap::lines(rule.summary, page.prose_width().saturating_sub(widest));
        for (at, line) in lines.iter().enumerate() {
            let id = if at == 0 { rule.id } else { "" };
            let pad = " ".repeat(widest - id.len());
            writeln!(out, "{}{pad}{line}", page.paint(style::TITLE, id))?;
        }
    }
    Ok(())
}
