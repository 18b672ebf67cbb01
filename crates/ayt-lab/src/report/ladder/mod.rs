//! A run as a packet ladder: two lifelines, the wire between them, time downwards.
//!
//! ```text
//!            server              wire              client
//!    +0.000    │ ── fault: cable-pulled ──────────── │
//!              ┊           0.60 s of silence         ┊
//!    +0.601    │ keepalive probe ACK seq 4 …         │
//!              │ ────────────────▶✕ cut              │
//!    +2.612    ● read: ETIMEDOUT                     │
//! ```
//!
//! Widths are percentages, so that it fits any page; heights are pixels. Rows keep
//! their distance whatever the time between them: what is long is broken off, with its
//! length.

mod choose;
mod draw;
mod kind;
mod rows;

use super::markup::{Markup, class, plain};
use super::{Run, units};
use choose::{Piece, choose};
pub(super) use draw::legend;
use kind::{Kind, Seen, Watcher};
use rows::place;

/// Arrows of one ladder at most.
const ARROWS: usize = 240;

/// Where the lifelines are, in percent of the width.
const A: f64 = 17.0;
const WIRE: f64 = 55.0;
const B: f64 = 93.0;

/// Draws a run; `id` makes the names of its title and description its own.
pub(super) fn ladder(page: &mut Markup, run: &Run, id: &str) {
    let (pieces, connections) = pieces(run);
    let (placed, height) = place(run, &pieces);
    let attrs = class("ladder")
        .with("role", "group")
        .with("width", "100%")
        .with("height", format_args!("{height:.0}"))
        .with("aria-labelledby", format_args!("{id}-t {id}-d"));
    page.tag("svg", attrs, |svg| {
        let named = |part: &str| plain().with("id", format_args!("{id}-{part}"));
        let title = format!("Packets of {}", run.name);
        svg.text("title", named("t"), title);
        svg.text("desc", named("d"), description(run, &pieces));
        draw::frame(svg, run, &placed, height);
        draw::rows(svg, run, &placed, connections > 1);
    });
}

fn pieces(run: &Run) -> (Vec<Piece<'_>>, usize) {
    let mut watcher = Watcher::default();
    let mut seen: Vec<Seen<'_>> = run.records.iter().map(|r| watcher.see(r)).collect();
    seen.sort_by_key(|seen| seen.record.at);
    let pieces = choose(&seen, run.zero, ARROWS);
    (pieces, watcher.connections())
}

/// What the drawing says, in words.
fn description(run: &Run, pieces: &[Piece<'_>]) -> String {
    let records = &run.records;
    let mut text = units::counted(records.len() as u64, "packet");
    if let (Some(first), Some(last)) = (records.first(), records.last()) {
        let length = last.at.saturating_sub(first.at);
        text += &format!(" in {}", units::time(length));
    }
    let dropped = records.iter().filter(|record| record.is_dropped()).count();
    text += &format!(", {} dropped on the wire", units::count(dropped as u64));
    let probes = pieces.iter().filter(|piece| {
        matches!(piece, Piece::One(seen) if matches!(seen.kind, Kind::Probe | Kind::WindowProbe))
    });
    text += &format!(", {}.", units::counted(probes.count() as u64, "probe"));
    if run.forgotten > 0 {
        text += &format!(
            " The log had to forget {} more.",
            units::count(run.forgotten)
        );
    }
    for event in run.events.iter().rev().take(4).rev() {
        let at = units::offset(event.at, run.zero);
        text += &format!(" {at}: {}.", event.text);
    }
    text
}
