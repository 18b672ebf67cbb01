//! Asks the peers of live connections whether they are there.
//!
//! `inspect` looks at each connection through a duplicate of its descriptor
//! and chooses the engine; `run` asks, watches for answers and puts back; `raw`
//! is what the raw engine has open in a namespace; `journal` remembers what has
//! to be put back. The decisions are those of
//! [`ayt_core::probe`].

mod answers;
mod ask;
mod engines;
mod holders;
mod inspect;
mod journal;
mod raw;
mod run;
mod watch;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ayt_core::fact::Partial;
use ayt_core::facts::{Cookie, HostFacts, TcpInfo};
use ayt_core::verdict::Verdict;

pub use ayt_core::probe::engine::Choice;
pub use ayt_core::probe::{Engine, Numbers};

use crate::places;

pub(crate) use answers::{UNHEARD_LOOKS, UNHEARD_PAUSE};
pub(crate) use raw::four_tuple;

/// How to ask.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// Which engine; `None` chooses per socket.
    pub engine: Option<Engine>,
    /// Asks per second, at most; `None` = no limit.
    pub rate: Option<u32>,
    /// How long a peer may stay silent before it is dead, at least; the default
    /// is the larger of 5 s and 4 × RTO, each connection its own. Less than 1.5 s
    /// is not taken: a living peer answers such asks only twice a second, and
    /// another ayt may have had the answer.
    pub patience: Option<Duration>,
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
    /// Why that engine: those passed over, each with its reason.
    pub choice: Choice,
    /// Where the raw engine's sequence numbers were from: `Guessed` if any of its
    /// asks was a guess. `None` for other engines.
    pub numbers: Option<Numbers>,
    /// TCP's account when it was last looked at, where the raw engine asked: its
    /// own segments are in that, counted as received.
    pub account: Option<TcpInfo>,
    /// How often it was asked.
    pub asks: u32,
    /// Settings that followed the sysctl and are now pinned to the same value
    /// (names as in JSON: "idle_s").
    pub pinned: Vec<&'static str>,
    /// Unanswered asks that count as unanswered keepalive probes until the peer
    /// is heard again (keepalive engine only).
    pub probes_raised: u32,
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
    pub partial: Vec<Partial>,
    /// The run was stopped before its end.
    pub interrupted: bool,
    /// Sockets on which this run undid what a killed one had left.
    pub undone: usize,
}

/// Asks the connections `targets` (indexes into `facts.sockets`).
///
/// `stop` ends the run early, with everything put back. `on_progress` is called
/// now and then.
pub fn probe(
    facts: &HostFacts,
    targets: &[usize],
    how: &Probe,
    stop: &AtomicBool,
    on_progress: &mut dyn FnMut(Progress),
) -> Report {
    let mut report = Report::default();
    let (run, undone) = match run::Tools::open() {
        Ok(tools) => tools,
        Err(error) => {
            let why = ayt_core::fact::Why::Failed {
                operation: "prepare the journal of the probe".to_owned(),
                error: error.to_string(),
            };
            report.answers = targets
                .iter()
                .filter_map(|&at| facts.sockets.get(at))
                .map(|socket| inspect::unasked(socket, why.clone(), Choice::default()))
                .collect();
            return report;
        }
    };
    report.undone = undone;
    let sockets: Vec<_> = targets
        .iter()
        .filter_map(|&at| facts.sockets.get(at))
        .collect();
    let inspected = inspect::all(facts, &sockets, how);
    let namespaces: BTreeSet<_> = sockets.iter().map(|socket| socket.ns).collect();
    let places = places::open(facts, &namespaces);
    run::run(
        facts,
        run,
        places,
        inspected,
        how,
        stop,
        on_progress,
        &mut report,
    );
    report
}
