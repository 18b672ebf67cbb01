//! `ayt lab list`.

use std::io::{self, Write};

use ayt_lab::detectors::Detector;
use ayt_lab::faults::Fault;
use ayt_lab::scenario;

use crate::output::page::Page;
use crate::text::table::{self, Align, Column, Cut};
use crate::text::{notes, style};

const FAULTS: [Column; 3] = [
    Column::new("FAULT", Align::Left, 10, Cut::Never),
    Column::new("CELLS", Align::Right, 8, Cut::Never),
    Column::new("WHAT HAPPENS", Align::Left, 9, Cut::To(20)),
];

const DETECTORS: [Column; 4] = [
    Column::new("DETECTOR", Align::Left, 10, Cut::Never),
    Column::new("NOTATION", Align::Left, 8, Cut::Never),
    Column::new("USUAL", Align::Left, 8, Cut::Never),
    Column::new("WHAT IT IS", Align::Left, 9, Cut::To(20)),
];

/// Writes faults and detectors.
pub(crate) fn list<W: Write>(out: &mut W, page: Page) -> io::Result<()> {
    let cells = scenario::standard().map_err(io::Error::other)?;
    table::write(out, page, &FAULTS, Fault::ALL.len(), |at, row| {
        let fault = Fault::ALL[at];
        row.cell(style::TITLE).push_str(fault.name());
        let count = cells.iter().filter(|cell| cell.fault == fault).count();
        row.cell(style::PLAIN).push_str(&count.to_string());
        row.cell(style::PLAIN).push_str(fault.spec().summary);
    })?;
    writeln!(out)?;
    table::write(out, page, &DETECTORS, Detector::ALL.len(), |at, row| {
        let spec = Detector::ALL[at].spec();
        row.cell(style::TITLE).push_str(spec.name);
        row.cell(style::PLAIN).push_str(spec.notation);
        row.cell(style::PLAIN).push_str(spec.usual);
        row.cell(style::PLAIN).push_str(spec.summary);
    })?;
    writeln!(out)?;
    let slow = cells.iter().filter(|cell| cell.slow).count();
    let text = format!(
        "{} cells in the standard set, {slow} more with --slow. Write your own: the files of \
         the set are printed by --files.",
        cells.len() - slow
    );
    notes::say(out, page, style::PLAIN, &text)
}

/// Writes the scenario files.
pub(crate) fn files<W: Write>(out: &mut W) -> io::Result<()> {
    for (name, text) in scenario::FILES {
        writeln!(out, "# {name}\n{text}")?;
    }
    Ok(())
}
