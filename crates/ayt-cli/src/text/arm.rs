//! The table of `ayt arm`: before → after.

use std::fmt::Write as _;
use std::io::{self, Write};

use ayt_core::fact::Fact;
use ayt_core::facts::{HostFacts, Socket};
use ayt_core::keepalive::Keepalive;
use ayt_guard::arm::Armed;

use super::table::{self, Align, Column, Cut};
use super::{cells, notes, number, style};
use crate::output::page::Page;

const COLUMNS: [Column; 7] = [
    cells::PEER,
    cells::LOCAL,
    cells::OWNER[0],
    cells::OWNER[1],
    cells::OWNER[2],
    Column::new("BEFORE", Align::Left, 8, Cut::Never),
    Column::new("AFTER", Align::Left, 10, Cut::Never),
];

/// Writes what came of each socket, and a summary.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    rows: &[(&Socket, &Armed)],
    dry_run: bool,
) -> io::Result<()> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|(socket, _)| (socket.remote, socket.local));
    table::write(out, page, &COLUMNS, sorted.len(), |at, row| {
        let (socket, armed) = sorted[at];
        cells::address(row.cell(style::PLAIN), socket.remote);
        cells::address(row.cell(style::PLAIN), socket.local);
        cells::owners(row, facts, armed.owner.as_slice());
        settings(row.cell(style::PLAIN), &armed.before);
        match (&armed.refused, armed.changed) {
            (Some(_), _) => row.cell(style::ERROR).push_str("refused"),
            (None, true) => settings(row.cell(style::GOOD), &armed.after),
            (None, false) => row.cell(style::QUIET).push_str("as it was"),
        }
    })?;
    let changed = rows.iter().filter(|(_, armed)| armed.changed).count();
    let refused = rows
        .iter()
        .filter(|(_, armed)| armed.refused.is_some())
        .count();
    let mut text = if dry_run {
        format!("{} would be changed", number::of(changed, "socket"))
    } else {
        format!("{} changed", number::of(changed, "socket"))
    };
    if refused > 0 {
        let _ = write!(text, ", {} refused", number::count(refused as u64));
    }
    notes::say(out, page, style::TITLE, &text)?;
    let reasons = rows.iter().filter_map(|(_, armed)| armed.refused.as_ref());
    notes::reasons(out, page, "refused", reasons)
}

fn settings(cell: &mut String, keepalive: &Fact<Keepalive>) {
    match keepalive {
        Fact::Known(keepalive) => drop(write!(cell, "{keepalive}")),
        Fact::Unknown(_) => cell.push('?'),
    }
}
