//! Scenarios: data files that say what to break, who watches, and what must be seen.
//!
//! ```toml
//! # One file, one fault.
//! fault = "silent-drop"
//! shows = ["S1", "S5"]          # rows of `ayt lab claims`, told with it; optional
//!
//! [[run]]
//! detector = "keepalive"
//! settings = "2/1/2"            # the notation of the detector; optional
//! path = "idle"                 # or "in-flight": data is sent after the fault; optional
//! seed = 1                      # of dice, where there are any; optional
//! loss = "5%"                   # for the faults that take it: loss, delay, jitter
//! slow = false                  # it needs a minute or more; optional
//! expect = "keepalive_timeout"  # a cause, or "alive": nobody notices; optional
//! ```
//!
//! Without `expect` what follows from the fault and the planner is expected. The times
//! always come from the planner.

mod bad;
mod parse;
mod standard;

use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::plan::Path;

use crate::detectors::{Detector, Setting};
use crate::faults::{Effect, Fault};

pub use bad::BadScenario;
pub use parse::parse;
pub use standard::{FILES, standard};

/// One thing to do and to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What is broken.
    pub fault: Fault,
    /// Who watches.
    pub detector: Detector,
    /// Its settings, as written.
    pub settings: String,
    /// Its settings.
    pub setting: Setting,
    /// What was going on.
    pub path: Path,
    /// Of the dice.
    pub seed: u64,
    /// What the path does to packets, for faults that take it.
    pub trouble: Trouble,
    /// It needs a minute or more.
    pub slow: bool,
    /// The cause that must be told, or nothing at all; `None`: as the planner has it.
    pub expect: Option<Option<Cause>>,
    /// Rows of `ayt lab claims` that it shows: told in reports and JSON.
    pub shows: Vec<String>,
}

/// What the path does to packets.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trouble {
    /// The share that is lost, 0 to 1.
    pub loss: Option<f64>,
    /// How long each takes.
    pub delay: Option<Duration>,
    /// And up to so much more.
    pub jitter: Option<Duration>,
}

impl Cell {
    /// What the fault is to this detector.
    #[must_use]
    pub fn effect(&self) -> Effect {
        let spec = self.fault.spec();
        match (spec.prevented)(&self.setting) {
            true => Effect::Harmless,
            false => spec.effect,
        }
    }
}

#[cfg(test)]
mod tests;

/// The word for a path in scenarios, text and JSON.
#[must_use]
pub const fn path_name(path: Path) -> &'static str {
    match path {
        Path::Idle => "idle",
        Path::InFlight => "in-flight",
    }
}
