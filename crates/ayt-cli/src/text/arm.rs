//! The table of `ayt arm`: before → after.

use std::fmt::Write as _;
use std::io::{self, Write};

use ayt_core::fact::Fact;
use ayt_core::facts::{HostFacts, Socket};
use ayt_core::keepalive::Keepalive;
use ayt_guard::arm::Armed;

use super::escape::push_visible;
use super::table::{self, Align, Column};
use super::{cells, number, style};
use crate::output::page::Page;

const COLUMNS: [Column; 7] = [
    Column {
        title: "PEER",
        align: Align::Left,
        importance: 9,
        shortest: Some(15),
    },
    Column {
        title: "LOCAL",
        align: Align::Left,
        importance: 5,
        shortest: Some(15),
    },
    cells::OWNER[0],
    cells::OWNER[1],
    cells::OWNER[2],
    Column {
        title: "BEFORE",
        align: Align::Left,
        importance: 8,
        shortest: None,
    },
    Column {
        title: "AFTER",
        align: Align::Left,
        importance: 10,
        shortest: Some(20),
    },
];

/// Writes what came of each socket, and a summary.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    rows: &[(&Socket, &Armed)],
    dry_run: bool,
) -> io::Result<()> {
    table::write(out, page, &COLUMNS, rows.len(), |at, row| {
        let (socket, armed) = rows[at];
        cells::address(row.cell(style::PLAIN), socket.remote);
        cells::address(row.cell(style::PLAIN), socket.local);
        cells::owners(row, facts, armed.owner.as_slice());
        settings(row.cell(style::PLAIN), &armed.before);
        if let Some(why) = &armed.refused {
            let cell = row.cell(style::ERROR);
            push_visible(cell, &format!("refused: {why}"));
        } else {
            let cell = row.cell(if armed.changed {
                style::GOOD
            } else {
                style::QUIET
            });
            settings(cell, &armed.after);
            if !armed.changed {
                cell.push_str(" (as it was)");
            }
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
    writeln!(out, "{}", page.paint(style::TITLE, &text))
}

fn settings(cell: &mut String, keepalive: &Fact<Keepalive>) {
    match keepalive {
        Fact::Known(keepalive) => drop(write!(cell, "{keepalive}")),
        Fact::Unknown(_) => cell.push('?'),
    }
}
