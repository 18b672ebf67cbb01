//! Scenarios: data files that say what to break, who watches, and what must be seen.
//!
//! ```toml
//! # One file, one fault.
//! fault = "silent-drop"
//! shows = ["S1", "S5"]          # rows of the project's scope, optional
//!
//! [[run]]
//! detector = "keepalive"
//! settings = "2/1/2"            # the notation of the detector; optional
//! path = "idle"                 # or "in-flight": data is sent after the fault; optional
//! seed = 1                      # of dice, where there are any; optional
//! slow = false                  # it needs a minute or more; optional
//! expect = "keepalive_timeout"  # a cause, or "alive": nobody notices; optional
//! ```
//!
//! Without `expect` what follows from the fault and the planner is expected. The times
//! always come from the planner.

mod bad;
mod parse;
mod standard;

use ayt_core::cause::Cause;
use ayt_core::plan::Path;

use crate::detectors::{Detector, Setting};
use crate::faults::Fault;

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
    /// It needs a minute or more.
    pub slow: bool,
    /// The cause that must be told, or nothing at all; `None`: as the planner has it.
    pub expect: Option<Option<Cause>>,
    /// Rows of the scope that it shows.
    pub shows: Vec<String>,
}

/// The word for a path in scenarios, text and JSON.
#[must_use]
pub const fn path_name(path: Path) -> &'static str {
    match path {
        Path::Idle => "idle",
        Path::InFlight => "in-flight",
    }
}
