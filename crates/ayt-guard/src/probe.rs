//! Asks the peers of live connections whether they are there.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ayt_core::facts::{Cookie, HostFacts};
use ayt_core::verdict::Verdict;

/// How to ask.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Which engine; `None` chooses per socket.
    pub engine: Option<Engine>,
    /// Asks per second, at most; `None` = no limit.
    pub rate: Option<u32>,
    /// How long a peer may stay silent before it is dead, at least; the default
    /// is the larger of 5 s and 4 × RTO, each connection its own.
    pub patience: Option<Duration>,
}

/// How a connection is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `TCP_REPAIR` off; needs CAP_NET_ADMIN.
    Repair,
    /// `TCP_KEEPIDLE` on an idle socket.
    Keepalive,
}

impl Engine {
    /// The word for people and machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repair => "repair",
            Self::Keepalive => "keepalive",
        }
    }
}

/// What came of asking one connection.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which connection.
    pub cookie: Cookie,
    /// What is said of it.
    pub verdict: Verdict,
    /// The engine that asked; `None` when it could not be asked.
    pub engine: Option<Engine>,
    /// How often it was asked.
    pub asks: u32,
    /// Settings that followed the sysctl and are now pinned to the same value
    /// (names as in JSON: "idle_s").
    pub pinned: Vec<&'static str>,
}

/// How far a probe is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Connections to ask.
    pub total: usize,
    /// Decided so far.
    pub decided: usize,
    /// Of them dead.
    pub dead: usize,
}

/// What came of a probe.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One answer per connection asked about, in the order of the targets.
    pub answers: Vec<Answer>,
    /// What could not be seen or done, with remedy.
    pub partial: Vec<ayt_core::fact::Partial>,
    /// The run was stopped before its end.
    pub interrupted: bool,
}

/// Asks the connections `targets` (indexes into `facts.sockets`).
///
/// `stop` ends the run early, with everything put back. `on_progress` is called
/// now and then.
pub fn probe(
    _facts: &HostFacts,
    _targets: &[usize],
    _how: &Probe,
    _stop: &AtomicBool,
    _on_progress: &mut dyn FnMut(Progress),
) -> Report {
    Report::default()
}
