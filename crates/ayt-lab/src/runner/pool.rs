//! Many cells at once.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::path::Path as FilePath;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::batch::batch;
use super::cell::{self, Outcome, Shared};
use super::{Lateness, Surroundings};
use ayt_core::cause::Cause;

use crate::error::LabError;
use crate::scenario::Cell;

/// How many run at once: each is two small processes that wait most of the time.
const AT_ONCE: usize = 32;
/// How many of those that were late run at once when the others are done: in the end
/// each is alone.
const AGAIN_AT_ONCE: [usize; 4] = [4, 1, 1, 1];
/// How long a calm machine is waited for before each of these, at most.
pub(crate) const CALM: Duration = Duration::from_secs(5);

/// What the lab is given, because it lies above it.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// A program whose main begins with
    /// [`main_if_subject`](crate::subjects::main_if_subject).
    pub program: &'a FilePath,
    /// Who asks for the detector `probe`; without, its cells fail.
    pub prober: Option<&'a dyn Prober>,
}

/// Asks the peers of a process's connections, as `ayt probe` does.
pub trait Prober: Sync + std::fmt::Debug {
    /// Asks for the connections that the process `pid` has in the network namespace of
    /// this inode number; the cause of death, or none where the peer lives.
    ///
    /// # Errors
    /// When nobody could be asked, in a sentence.
    fn ask(&self, netns: u64, pid: u32, patience: Duration) -> Result<Option<Cause>, String>;
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Cells that are done.
    pub done: usize,
    /// All of them.
    pub all: usize,
    /// Some are run again, because the machine held them up.
    pub again: bool,
}

/// Runs cells, many at once; the outcomes in the order of the cells. A cell that was
/// late, or went wrong on a machine that was, is run again when the others are done, at
/// most four times. `stop` ends it early, with what there is by then.
///
/// # Errors
/// When no host can be made at all.
pub fn run(
    cells: &[Cell],
    tools: Tools<'_>,
    stop: &AtomicBool,
    mut progress: impl FnMut(Progress),
) -> Result<Vec<Outcome>, LabError> {
    let shared = Shared {
        tools,
        surroundings: Surroundings::look()?,
        lateness: Lateness::watch(),
        stop,
        making: Mutex::new(()),
    };
    let all = cells.len();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; all];
    let mut numbers: Vec<usize> = (0..all).collect();
    // Those that learn for long first, so that nobody waits for them at the end.
    numbers.sort_by_key(|number| Reverse(cells[*number].setting.lead()));
    let numbers = numbers.into();
    let work = |number: usize| cell::run(&cells[number], &shared);
    batch(numbers, AT_ONCE, stop, work, |number, outcome| {
        if let Some(outcome) = outcome {
            outcomes[number] = Some(outcome);
        }
        let done = outcomes.iter().flatten().count();
        let again = false;
        progress(Progress { done, all, again });
    });
    // A detector that is late is late again; a machine that was need not be.
    let over = |outcome: &Option<Outcome>| outcome.as_ref()?.over;
    for at_once in AGAIN_AT_ONCE {
        let late: VecDeque<usize> = (0..all)
            .filter(|number| over(&outcomes[*number]).is_some())
            .collect();
        if late.is_empty() {
            break;
        }
        shared.lateness.calm(CALM, stop);
        let mut done = all - late.len();
        let mut again: Vec<(usize, Outcome)> = Vec::new();
        batch(late, at_once, stop, work, |number, outcome| {
            if let Some(outcome) = outcome {
                again.push((number, outcome));
                done += 1;
            }
            let again = true;
            progress(Progress { done, all, again });
        });
        for (number, mut outcome) in again {
            outcome.retried = over(&outcomes[number]);
            outcomes[number] = Some(outcome);
        }
    }
    Ok(outcomes.into_iter().flatten().collect())
}
