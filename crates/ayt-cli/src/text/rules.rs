//! The rules in their own words.

use std::io::{self, Write};

use ayt_core::doctor::Rule;

use super::table::{self, Align, Column};
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
    const COLUMNS: [Column; 2] = [
        Column {
            title: "RULE",
            align: Align::Left,
            importance: 2,
            shortest: None,
        },
        Column {
            title: "FINDS",
            align: Align::Left,
            importance: 1,
            shortest: Some(20),
        },
    ];
    table::write(out, page, &COLUMNS, rules.len(), |at, row| {
        row.cell(style::TITLE).push_str(rules[at].id);
        row.cell(style::PLAIN).push_str(rules[at].summary);
    })
}
