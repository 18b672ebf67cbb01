//! The table, the bars, and the page.

use std::fmt::Write as _;

use crate::COMMAND;
use crate::common::{Bar, bars, busy, count, head, median};

/// What one contender took at one size.
#[derive(Debug)]
pub(crate) struct Row {
    sessions: usize,
    name: &'static str,
    bytes: Option<usize>,
    nanos: Vec<f64>,
}

impl Row {
    pub(crate) fn new(sessions: usize, name: &'static str, bytes: Option<usize>) -> Self {
        Self {
            sessions,
            name,
            bytes,
            nanos: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, nanos: f64) {
        self.nanos.push(nanos);
    }

    fn median(&self) -> f64 {
        median(self.nanos.clone())
    }

    /// Median of how often its time is that of `base` in the same round.
    fn times(&self, base: &Self) -> f64 {
        median(
            self.nanos
                .iter()
                .zip(&base.nanos)
                .map(|(mine, theirs)| mine / theirs)
                .collect(),
        )
    }

    fn bytes_each(&self) -> Option<f64> {
        Some(self.bytes? as f64 / self.sessions as f64)
    }
}

/// All that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    /// One list a size: ours first, then the queue, the tasks, the tasks without.
    sizes: Vec<Vec<Row>>,
    lateness: Vec<(usize, Result<f64, String>)>,
    busy: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            sizes: Vec::new(),
            lateness: Vec::new(),
            busy: busy(),
        }
    }

    pub(crate) fn rows(&mut self, rows: Vec<Row>) {
        self.sizes.push(rows);
    }

    pub(crate) fn lateness(&mut self, sessions: usize, ticks: Result<f64, String>) {
        self.lateness.push((sessions, ticks));
    }

    pub(crate) fn missed(&self) -> usize {
        self.bars().iter().filter(|bar| !bar.met).count()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = head(COMMAND, self.busy);
        text += &bars(&self.bars());
        text += "\n### sessions\n\n\
            | sessions | with | CPU per chunk, median | min – max | against ours | memory per session | rounds |\n\
            | --- | --- | --- | --- | --- | --- | --- |\n";
        for rows in &self.sizes {
            for row in rows {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} – {} | {:.2}× | {} | {} |",
                    count(row.sessions),
                    row.name,
                    nanos(row.median()),
                    nanos(row.nanos.iter().copied().fold(f64::INFINITY, f64::min)),
                    nanos(row.nanos.iter().copied().fold(0.0, f64::max)),
                    row.times(&rows[0]),
                    row.bytes_each()
                        .map_or("unknown".to_owned(), |each| format!("{each:.0} B")),
                    row.nanos.len(),
                );
            }
        }
        text += "\nMemory of ours is what its arrays have allocated; of the others, by how much \
            the resident memory grew when they were made, in whole pages. \"Against ours\" is the \
            median of the ratios within each round.\n";
        text
    }

    fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        let Some([ours, others @ ..]) = self.sizes.last().map(Vec::as_slice) else {
            return bars;
        };
        let at = count(ours.sessions);
        let cost = ours.median();
        bars.push(Bar {
            what: format!("CPU per received chunk at {at}, its share of expiry included"),
            limit: "≤ 25.0 ns".to_owned(),
            got: nanos(cost),
            met: cost <= 25.0,
        });
        let bytes = ours.bytes_each().unwrap_or(f64::INFINITY);
        bars.push(Bar {
            what: format!("timer state of a session at {at}"),
            limit: "≤ 64 B".to_owned(),
            got: format!("{bytes:.1} B"),
            met: bytes <= 64.0,
        });
        bars.push(self.lateness_bar());
        for other in others.iter().take(2) {
            let times = other.times(ours);
            bars.push(Bar {
                what: format!("{} at {at}", other.name),
                limit: "≥ 5.0× ours".to_owned(),
                got: format!("{times:.1}×"),
                met: times >= 5.0,
            });
        }
        if let [_, timed, bare, ..] = others {
            // What the timeouts alone cost: the tasks and their waking taken away.
            let alone = (timed.times(ours) - bare.times(ours)).max(0.0);
            bars.push(Bar {
                what: format!("of it the timeouts alone, tasks and waking taken away, at {at}"),
                limit: "≥ 5.0× ours".to_owned(),
                got: format!("{alone:.1}×"),
                met: alone >= 5.0,
            });
        }
        if let Some(small) = self.sizes.first().map(|rows| &rows[0]) {
            // CPU of all chunks against their number, both of them on a scale of powers.
            let grown = ours.sessions as f64 / small.sessions as f64;
            let power = (grown * cost / small.median()).ln() / grown.ln();
            bars.push(Bar {
                what: format!(
                    "growth of CPU from {} to {at}: power of the number of sessions",
                    count(small.sessions)
                ),
                limit: "≤ 1.2".to_owned(),
                got: format!("{power:.2}"),
                met: power <= 1.2,
            });
        }
        bars
    }

    fn lateness_bar(&self) -> Bar {
        let mut worst = 0.0f64;
        let mut wrong = None;
        for (sessions, ticks) in &self.lateness {
            match ticks {
                Ok(ticks) => worst = worst.max(*ticks),
                Err(error) => wrong = Some(format!("{}: {error}", count(*sessions))),
            }
        }
        Bar {
            what: "lateness of expiry, worst of all sizes; none early, none missed".to_owned(),
            limit: "≤ 1 tick".to_owned(),
            met: wrong.is_none() && worst <= 1.0,
            got: wrong.unwrap_or_else(|| format!("{worst:.5} ticks")),
        }
    }
}

fn nanos(value: f64) -> String {
    if value < 1_000.0 {
        format!("{value:.1} ns")
    } else {
        format!("{:.2} µs", value / 1_000.0)
    }
}
