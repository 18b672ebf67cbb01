//! The table of `ayt reap`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use ayt_core::facts::{HostFacts, Owner, Socket};
use ayt_core::verdict::Verdict;
use ayt_guard::reap::{Outcome, Reaped};

use super::table::{self, Align, Column, Cut};
use super::{cells, notes, number, style};
use crate::output::page::Page;

/// Why a connection is a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A probe has just found it dead.
    Dead,
    /// In CLOSE_WAIT for as long as was said.
    CloseWait,
    /// In FIN_WAIT_2 for as long as was said.
    FinWait2,
    /// Named on the command line.
    Named,
}

impl Reason {
    /// The word for machines.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::CloseWait => "close_wait",
            Self::FinWait2 => "fin_wait_2",
            Self::Named => "named",
        }
    }
}

/// One candidate and what came of it.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The connection.
    pub(crate) socket: &'a Socket,
    /// Why it is a candidate.
    pub(crate) reason: Reason,
    /// What a probe said, where one asked.
    pub(crate) verdict: Option<&'a Verdict>,
    /// What came of it; `None` in a dry run.
    pub(crate) reaped: Option<&'a Reaped>,
}

impl Row<'_> {
    /// What happened, where something did.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.reaped.map(|reaped| &reaped.outcome)
    }

    /// The word for machines.
    pub(crate) fn outcome_name(&self) -> &'static str {
        match self.outcome() {
            None => "would_destroy",
            Some(Outcome::Destroyed) => "destroyed",
            Some(Outcome::AlreadyGone) => "already_gone",
            Some(Outcome::CameBack) => "came_back",
            Some(Outcome::StillThere) => "still_there",
            Some(Outcome::Refused(_)) => "refused",
        }
    }

    /// Descriptors still held on it.
    pub(crate) fn still_held(&self) -> &[Owner] {
        self.reaped.map_or(&[], |reaped| &reaped.still_held)
    }
}

const COLUMNS: [Column; 7] = [
    Column::new("OUTCOME", Align::Left, 10, Cut::Never),
    Column::new("WHY", Align::Left, 7, Cut::Never),
    cells::PEER,
    cells::LOCAL,
    cells::OWNER[0],
    cells::OWNER[1],
    cells::OWNER[2],
];

/// Writes what came of each candidate, what is still held, and a summary.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    rows: &[Row<'_>],
) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "Nothing to reap.");
    }
    let mut sorted: Vec<&Row<'_>> = rows.iter().collect();
    sorted.sort_by_key(|row| (row.socket.remote, row.socket.local));
    table::write(out, page, &COLUMNS, sorted.len(), |at, row| {
        let candidate = sorted[at];
        let (text, painted) = outcome(candidate);
        row.cell(painted).push_str(text);
        row.cell(style::PLAIN).push_str(&why(candidate));
        cells::address(row.cell(style::PLAIN), candidate.socket.remote);
        cells::address(row.cell(style::PLAIN), candidate.socket.local);
        cells::owners(row, facts, facts.owners_of(candidate.socket));
    })?;
    notes::say(out, page, style::TITLE, &summary(rows))?;
    let reasons = rows.iter().filter_map(|row| match row.outcome() {
        Some(Outcome::Refused(why)) => Some(why),
        _ => None,
    });
    notes::reasons(out, page, "refused", reasons)?;
    held(out, page, facts, rows)
}

fn outcome(row: &Row<'_>) -> (&'static str, anstyle::Style) {
    match row.outcome() {
        None => ("would destroy", style::WARNING),
        Some(Outcome::Destroyed) => ("destroyed", style::GOOD),
        Some(Outcome::AlreadyGone) => ("already gone", style::QUIET),
        Some(Outcome::CameBack) => ("came back", style::GOOD),
        Some(Outcome::StillThere) => ("still there", style::ERROR),
        Some(Outcome::Refused(_)) => ("refused", style::ERROR),
    }
}

fn why(row: &Row<'_>) -> String {
    match (row.reason, row.verdict) {
        (Reason::Dead, Some(Verdict::Dead(cause))) => format!("dead: {cause}"),
        (Reason::Dead, _) => "dead".to_owned(),
        (Reason::CloseWait | Reason::FinWait2, _) => {
            let age = row.socket.age_at_least_ms().unwrap_or_default();
            format!("{} for {}", row.socket.state, ayt_core::duration::Ms(age))
        }
        (Reason::Named, _) => "named".to_owned(),
    }
}

fn summary(rows: &[Row<'_>]) -> String {
    let count = |name: &str| rows.iter().filter(|row| row.outcome_name() == name).count();
    if rows.iter().all(|row| row.reaped.is_none()) {
        return format!(
            "{} would be destroyed: add --yes",
            number::of(rows.len(), "connection")
        );
    }
    let mut text = format!("{} destroyed", number::of(count("destroyed"), "connection"));
    for (name, words) in [
        ("already_gone", "already gone"),
        ("came_back", "came back and left alone"),
        ("still_there", "still there"),
        ("refused", "refused"),
    ] {
        let count = count(name);
        if count > 0 {
            text.push_str(&format!(", {} {words}", number::count(count as u64)));
        }
    }
    text
}

fn held<W: Write>(out: &mut W, page: Page, facts: &HostFacts, rows: &[Row<'_>]) -> io::Result<()> {
    let held: Vec<&Owner> = rows.iter().flat_map(|row| row.still_held()).collect();
    if held.is_empty() {
        return Ok(());
    }
    let owners: BTreeSet<String> = held
        .iter()
        .map(|owner| format!("{} (pid {})", cells::command(facts, owner), owner.pid))
        .collect();
    let owners: Vec<String> = owners.into_iter().collect();
    let text = format!(
        "{} still held by {}: destroying a connection closes no descriptor, and is no cure for \
         \"too many open files\". A program that never closes needs a restart, or a repair.",
        number::of(held.len(), "descriptor"),
        owners.join(", ")
    );
    notes::item(out, page, &text)
}
