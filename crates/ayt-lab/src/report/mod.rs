//! A page that shows what was measured: which detector found which fault, when, against
//! what was planned, and of each run every packet.
//!
//! ```text
//! Report ─▶ page ─▶ summary, matrix (fault × detector), plot (measured in planned)
//!                   for each Run: its facts and its ladder
//! ```
//!
//! [`html`] is pure: a [`Report`] in, one text out, which needs nothing else: no
//! network, no script, no font. [`write()`] puts it into a folder. All text that comes from
//! outside goes through one door that escapes it, and everything is bounded.

mod escape;
mod ladder;
mod markup;
mod matrix;
mod outcome;
mod page;
mod plot;
mod run;
mod units;
mod write;

use std::fmt;
use std::time::Duration;

use ayt_core::cause::Cause;

use crate::log::Record;
use crate::packet::Side;
pub use crate::story::Event;
pub use outcome::Outcome;
pub use page::html;
pub use write::{Written, make_folder, write, write_pcaps};

/// What a page is made of.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Its heading.
    pub title: String,
    /// Where it was measured: kernel, processors.
    pub machine: String,
    /// The seed of all that was random; `None`: each scenario's own.
    pub seed: Option<u64>,
    /// [`write()`] adds a pcapng of each run, and the page links to it.
    pub pcap: bool,
    /// What was run, in the order of the page.
    pub runs: Vec<Run>,
}

/// One fault, one detector, once. Times are the lab's.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Its name, for people and, made harmless, for files.
    pub name: String,
    /// The fault: a row of the matrix.
    pub fault: String,
    /// The detector: a column of the matrix.
    pub detector: String,
    /// What the detector was set to, such as `1/1/2`.
    pub settings: String,
    /// What the detector said.
    pub cause: Option<Reason>,
    /// It found the death. With no death to find, false is what is hoped for.
    pub detected: bool,
    /// From [`Run::counted_from`] to the finding.
    pub measured: Option<Duration>,
    /// `[earliest, latest]`, counted from the same; `None` where nothing is claimed.
    pub planned: Option<[Duration; 2]>,
    /// Living connections that were called dead.
    pub false_deaths: u64,
    /// Sentences that it shows, such as `S6: a normal end wakes a blocked read`.
    pub shows: Vec<String>,
    /// What is not as it was planned, where something is not.
    pub differs: Option<String>,
    /// What else was looked for: a sentence, and whether it holds.
    pub facts: Vec<(String, bool)>,
    /// When the fault began.
    pub zero: Duration,
    /// From when `measured` and `planned` count, such as the last byte received;
    /// `None`: from `zero`.
    pub counted_from: Option<Duration>,
    /// The names of sides A and B; empty ones are called `A` and `B`.
    pub hosts: [String; 2],
    /// What the programs did and saw.
    pub events: Vec<Event>,
    /// The packets, as the log has them.
    pub records: Vec<Record>,
    /// Packets that the log had to forget ([`Log::forgotten`](crate::log::Log::forgotten)).
    pub forgotten: u64,
}

/// Why a detector said what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// In ayt's words.
    Cause(Cause),
    /// In those of another program.
    Text(String),
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        Self::Cause(cause)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cause(cause) => out.write_str(&cause.name().replace('_', " ")),
            Self::Text(text) => out.write_str(text),
        }
    }
}

impl Run {
    /// The span that the finding was planned for, in the lab's time.
    fn band(&self) -> Option<[Duration; 2]> {
        let from = self.counted_from.unwrap_or(self.zero);
        self.planned
            .map(|span| span.map(|at| from.saturating_add(at)))
    }

    fn host(&self, side: Side) -> &str {
        match (self.hosts[side.index()].as_str(), side) {
            ("", Side::A) => "A",
            ("", Side::B) => "B",
            (name, _) => name,
        }
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
