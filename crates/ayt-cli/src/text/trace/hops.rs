//! The hops of one path, or of two side by side.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use ayt_core::trace::{End, Hop, Noted, Picture, difference, reason};

use crate::output::page::Page;
use crate::text::style;
use crate::text::table::{self, Align, Column, Cut, Row};

const COLUMNS: [Column; 8] = [
    Column::new("HOP", Align::Right, 10, Cut::Never),
    Column::new("WHO", Align::Left, 10, Cut::To(15)),
    Column::new("ASKS", Align::Right, 6, Cut::Never),
    Column::new("LOSS", Align::Right, 8, Cut::Never),
    Column::new("BEST", Align::Right, 2, Cut::Never),
    Column::new("MEDIAN", Align::Right, 9, Cut::Never),
    Column::new("WORST", Align::Right, 3, Cut::Never),
    Column::new("SAYS", Align::Left, 7, Cut::To(12)),
];

const BESIDE: [Column; 8] = [
    Column::new("HOP", Align::Right, 10, Cut::Never),
    Column::new("WHO", Align::Left, 10, Cut::To(15)),
    Column::new("LOSS", Align::Right, 5, Cut::Never),
    Column::new("MEDIAN", Align::Right, 7, Cut::Never),
    Column::new("", Align::Left, 10, Cut::Never),
    Column::new("AGAINST", Align::Left, 10, Cut::To(15)),
    Column::new("LOSS", Align::Right, 5, Cut::Never),
    Column::new("MEDIAN", Align::Right, 7, Cut::Never),
];

/// Writes the hops of one path.
pub(super) fn table<W: Write>(out: &mut W, page: Page, picture: &Picture) -> io::Result<()> {
    let beyond = beyond(picture);
    let count = picture.hops.len() + usize::from(beyond.is_some());
    table::write(out, page, &COLUMNS, count, |at, row| {
        let Some(hop) = picture.hops.get(at) else {
            nothing(row, picture, beyond.unwrap_or(0));
            return;
        };
        let _ = write!(row.cell(style::PLAIN), "{}", hop.ttl);
        who(row, Some(hop));
        let _ = write!(row.cell(style::PLAIN), "{}", hop.asks);
        loss(row, Some(hop));
        let times = hop
            .times()
            .map(|(best, median, worst)| [best, median, worst]);
        for nth in 0..3 {
            let cell = row.cell(style::PLAIN);
            match times {
                Some(times) => cell.push_str(&time(times[nth])),
                None => cell.push('-'),
            }
        }
        let (text, painted) = says(hop, picture);
        row.cell(painted).push_str(&text);
    })
}

/// Writes the hops of two.
pub(super) fn beside<W: Write>(
    out: &mut W,
    page: Page,
    this: &Picture,
    other: &Picture,
) -> io::Result<()> {
    let parting = difference(this, other).map(|parting| usize::from(parting.hop));
    let longest = this.hops.len().max(other.hops.len());
    table::write(out, page, &BESIDE, longest, |at, row| {
        let _ = write!(row.cell(style::PLAIN), "{}", at + 1);
        for (nth, picture) in [this, other].into_iter().enumerate() {
            if nth == 1 {
                let mark = if parting == Some(at + 1) { "≠" } else { "" };
                row.cell(style::ERROR).push_str(mark);
            }
            let hop = picture.hops.get(at);
            who(row, hop);
            loss(row, hop);
            let cell = row.cell(style::PLAIN);
            match hop.and_then(Hop::times) {
                Some((_, median, _)) => cell.push_str(&time(median)),
                None => cell.push('-'),
            }
        }
    })
}

/// Asks beyond the last hop of the table.
fn beyond(picture: &Picture) -> Option<u32> {
    match picture.end {
        End::Swallowed { asks, .. } if asks > 0 => Some(asks),
        _ => None,
    }
}

/// The row of what lies beyond the last that answers.
fn nothing(row: &mut Row, picture: &Picture, asks: u32) {
    let next = picture.hops.len() + 1;
    let _ = write!(row.cell(style::PLAIN), "{next}+");
    row.cell(style::ERROR).push_str("nothing");
    let _ = write!(row.cell(style::PLAIN), "{asks}");
    row.cell(style::ERROR).push_str("100%");
    for _ in 0..3 {
        row.cell(style::PLAIN).push('-');
    }
    row.cell(style::ERROR).push_str("swallowed");
}

fn who(row: &mut Row, hop: Option<&Hop>) {
    let first = hop.and_then(|hop| hop.routers.first());
    match (first, hop) {
        (Some(router), Some(hop)) => {
            let cell = row.cell(style::PLAIN);
            let _ = write!(cell, "{}", router.address);
            if hop.routers.len() > 1 {
                let _ = write!(cell, " +{}", hop.routers.len() - 1);
            }
        }
        _ => row.cell(style::QUIET).push('-'),
    }
}

fn loss(row: &mut Row, hop: Option<&Hop>) {
    let Some(hop) = hop.filter(|hop| hop.asks > 0) else {
        row.cell(style::QUIET).push('-');
        return;
    };
    let painted = match (hop.loss_percent(), hop.noted) {
        (0, _) => style::PLAIN,
        // Nothing is lost there.
        (_, Noted::Silent | Noted::Limited) => style::QUIET,
        _ => style::WARNING,
    };
    let _ = write!(row.cell(painted), "{}%", hop.loss_percent());
}

fn says(hop: &Hop, picture: &Picture) -> (String, Style) {
    let six = picture.flow.remote.is_ipv6();
    if hop.peer {
        return match picture.end {
            End::Reset { .. } => ("RST".to_owned(), style::ERROR),
            _ => ("the peer".to_owned(), style::GOOD),
        };
    }
    let mut routers = hop.routers.iter();
    if let Some(refusal) = routers.find_map(|router| router.refusal) {
        let meaning = reason::unreachable(six, refusal.code);
        return (format!("{meaning} ({})", refusal.code), style::ERROR);
    }
    match hop.noted {
        Noted::Silent => return ("silent".to_owned(), style::QUIET),
        Noted::Limited => return ("limits its ICMP".to_owned(), style::QUIET),
        Noted::Nothing | Noted::Lost => {}
    }
    let first = hop.routers.first();
    if first.is_some_and(|router| router.translated.is_some()) {
        return ("behind a NAT".to_owned(), style::QUIET);
    }
    match first.map(|router| router.labels.as_slice()) {
        Some(labels @ [_, ..]) => {
            let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
            (format!("MPLS {}", labels.join(" ")), style::QUIET)
        }
        _ => (String::new(), style::PLAIN),
    }
}

/// `63µs`, `1.24ms`, `48.1ms`, `2.01s`.
pub(super) fn time(time: Duration) -> String {
    let micros = time.as_micros();
    let ms = time.as_secs_f64() * 1_000.0;
    match micros {
        0..1_000 => format!("{micros}µs"),
        1_000..10_000 => format!("{ms:.2}ms"),
        10_000..1_000_000 => format!("{ms:.1}ms"),
        _ => format!("{:.2}s", ms / 1_000.0),
    }
}
