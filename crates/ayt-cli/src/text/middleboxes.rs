//! The table of `ayt plan --list-middleboxes`.

use std::io::{self, Write};

use ayt_core::duration::Ms;
use ayt_core::middleboxes::{Expiry, Middlebox};

use super::table::{self, Align, Column, Cut};
use super::{notes, style, wrap};
use crate::output::page::Page;

const COLUMNS: [Column; 4] = [
    Column::new("BOX", Align::Left, 10, Cut::Never),
    Column::new("IDLE", Align::Right, 9, Cut::Never),
    Column::new("THEN", Align::Left, 8, Cut::Never),
    Column::new("WHAT", Align::Left, 7, Cut::To(20)),
];

/// Writes the boxes, shortest timeout first, and their sources.
pub(crate) fn write<W: Write>(out: &mut W, page: Page, rows: &[Middlebox]) -> io::Result<()> {
    table::write(out, page, &COLUMNS, rows.len(), |at, row| {
        let known = &rows[at];
        row.cell(style::TITLE).push_str(known.id);
        let settable = if known.settable { "*" } else { "" };
        *row.cell(style::PLAIN) = format!("{}{settable}", Ms::from(known.idle));
        row.cell(style::PLAIN).push_str(match known.expiry {
            Expiry::Silent => "drops silently",
            Expiry::ResetsLateSender => "resets who sends",
            Expiry::Closes => "closes; counts data",
        });
        row.cell(style::QUIET).push_str(known.name);
    })?;
    writeln!(out, "\n{}", page.paint(style::TITLE, "Sources"))?;
    for known in rows {
        let text = format!("{}: {}", known.id, known.source);
        for (at, line) in wrap::lines(&text, page.prose_width().saturating_sub(4))
            .iter()
            .enumerate()
        {
            writeln!(out, "{}{line}", if at == 0 { "  " } else { "    " })?;
        }
    }
    writeln!(out)?;
    notes::say(
        out,
        page,
        style::PLAIN,
        "* a default that its operator can change: then give the time itself, --behind 350s. \
         Each row is the longest silence after which it may have forgotten an established \
         connection.",
    )
}
