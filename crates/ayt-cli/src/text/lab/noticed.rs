//! What `ayt lab --server … --client …` prints.

use std::io::{self, Write};
use std::time::Duration;

use ayt_core::duration::Ms;
use ayt_lab::faults::Fault;
use ayt_lab::runner::commands::{LOOKS, Noticed, Trial};
use ayt_lab::{LabError, Side};

use crate::output::page::Page;
use crate::text::table::{self, Align, Column, Cut};
use crate::text::{escape, notes, style};

const COLUMNS: [Column; 3] = [
    Column::new("FAULT", Align::Left, 10, Cut::Never),
    Column::new("SERVER", Align::Left, 9, Cut::To(16)),
    Column::new("CLIENT", Align::Left, 8, Cut::To(16)),
];

/// Writes when each side noticed.
pub(crate) fn noticed<W: Write>(
    out: &mut W,
    page: Page,
    rows: &[(Fault, Result<Trial, LabError>)],
    watch: Duration,
) -> io::Result<()> {
    table::write(out, page, &COLUMNS, rows.len(), |at, row| {
        let (fault, result) = &rows[at];
        row.cell(style::TITLE).push_str(fault.name());
        let Ok(trial) = result else {
            for _ in Side::BOTH {
                row.cell(style::ERROR).push_str("could not be tried");
            }
            return;
        };
        for side in &trial.sides {
            let (text, colour) = told(side);
            row.cell(colour).push_str(&text);
        }
    })?;
    writeln!(out)?;
    let failed = rows
        .iter()
        .filter_map(|(fault, result)| Some((fault, result.as_ref().err()?)));
    for (fault, why) in failed {
        let why = escape::visible(&why.to_string()).into_owned();
        notes::item(out, page, &format!("{}: {why}", fault.name()))?;
    }
    let text = format!(
        "Seconds after the fault, as each side's kernel knew it, looked at every {}; watched \
         for {}. The client's host is the one that broke: what it shows there is its own end.",
        Ms::from(LOOKS),
        Ms::from(watch)
    );
    notes::say(out, page, style::QUIET, &text)
}

fn told(noticed: &Noticed) -> (String, anstyle::Style) {
    let (Some(after), Some(cause)) = (noticed.after, noticed.cause) else {
        return ("nothing noticed".to_owned(), style::WARNING);
    };
    let mut text = format!("{:.2} {}", after.as_secs_f64(), cause.name());
    match noticed.closed {
        None => text += ", never closed",
        Some(closed) if closed > after + Duration::from_secs(1) => {
            text += &format!(", closed at {:.2}", closed.as_secs_f64());
        }
        Some(_) => {}
    }
    (text, style::GOOD)
}
