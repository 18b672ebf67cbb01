//! What it costs to supervise sessions, in virtual I/O: received chunks on uniformly
//! random sessions, for each of which the time until it is overdue begins anew.
//! Beside [`Supervisor`](ayt_core::supervise::Supervisor) the same job on tokio's
//! own timers, in the same run.
//!
//! ```text
//! cargo bench -p ayt --bench sessions [-- --quick] [--write] [--strict]
//! ```

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/cpu.rs"]
mod cpu;
mod delay_queue;
mod load;
mod ours;
mod report;
#[path = "../common/resident.rs"]
mod resident;
mod tokio_tasks;

use std::process::ExitCode;
use std::time::Duration;

use common::{Options, Outcome, progress};
use load::{Load, WARM};
use report::{Report, Row};

const COMMAND: &str = "cargo bench -p ayt --bench sessions";

const USAGE: &str = "usage: cargo bench -p ayt --bench sessions -- [--quick] [--write] [--strict]

  --quick   fewer rounds, up to 100,000 sessions: done within half a minute
  --write   put the result into docs/benchmarks.md
  --strict  exit with 1 when a bar is missed
";

/// Who is measured.
trait Contender {
    fn name(&self) -> &'static str;

    /// Gives it what arrives in these ticks; returns the CPU time it took.
    fn run(&mut self, ticks: &[Vec<u32>]) -> Duration;
}

/// A runtime in one thread, in virtual time.
fn paused_runtime(mut builder: tokio::runtime::Builder) -> tokio::runtime::Runtime {
    builder
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap_or_else(|error| panic!("building a runtime: {error}"))
}

fn main() -> ExitCode {
    common::run(COMMAND, USAGE, std::env::args().skip(1), measured)
}

fn measured(options: Options) -> Outcome {
    let mut report = Report::new();
    let sizes: &[usize] = if options.quick {
        &[1_000, 10_000, 100_000]
    } else {
        &[1_000, 10_000, 100_000, 1_000_000]
    };
    for &sessions in sizes {
        progress(&format!("== {sessions} sessions\n"));
        measure(sessions, if options.quick { 3 } else { 7 }, &mut report);
    }
    Outcome {
        text: report.markdown(),
        missed: report.missed(),
    }
}

fn measure(sessions: usize, rounds: usize, report: &mut Report) {
    report.lateness(sessions, ours::lateness(sessions));
    let mut load = Load::new(sessions, 42);
    // Enough chunks to time, and more than one turn for everybody.
    let ticks = (1_000_000 / (sessions / 100)).clamp(WARM, 20_000);

    let own = ours::Ours::new(sessions);
    let bytes = own.bytes();
    let (tasks, tasks_bytes) = held(|| tokio_tasks::Tasks::with_timeout(sessions));
    let (bare, bare_bytes) = held(|| tokio_tasks::Tasks::without(sessions));
    let (queue, queue_bytes) = held(|| delay_queue::Queue::new(sessions));
    let mut contenders: Vec<(Box<dyn Contender>, Option<usize>)> = vec![
        (Box::new(own), Some(bytes)),
        (Box::new(queue), queue_bytes),
        (Box::new(tasks), tasks_bytes),
        (Box::new(bare), bare_bytes),
    ];
    let warm = load.ticks(WARM + 100);
    for (contender, _) in &mut contenders {
        contender.run(&warm);
    }
    drop(warm);
    let mut rows: Vec<Row> = contenders
        .iter()
        .map(|(contender, bytes)| Row::new(sessions, contender.name(), *bytes))
        .collect();
    for round in 0..rounds {
        let arriving = load.ticks(ticks);
        let chunks: usize = arriving.iter().map(Vec::len).sum();
        // Each goes first in turn.
        for step in 0..contenders.len() {
            let which = (round + step) % contenders.len();
            let took = contenders[which].0.run(&arriving);
            rows[which].push(took.as_secs_f64() * 1e9 / chunks as f64);
        }
    }
    report.rows(rows);
}

/// Makes something, and says how much more memory is in use then.
fn held<T>(make: impl FnOnce() -> T) -> (T, Option<usize>) {
    let before = resident::resident();
    let made = make();
    let after = resident::resident();
    (made, before.zip(after).map(|(a, b)| b.saturating_sub(a)))
}
