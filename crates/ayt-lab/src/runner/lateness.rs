//! How late the machine lets this process run: threads that sleep and look how much
//! longer it took.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::clock;
use crate::sync::lock;

/// How long the thread sleeps.
const NAP: Duration = Duration::from_millis(5);
/// What is not worth keeping.
const LEAST: Duration = Duration::from_micros(500);
/// Kept at most: at one a nap this is more than five minutes.
const MOST: usize = 1 << 16;

/// No nap of this long a time was later than this: the machine is calm.
const A_WHILE: Duration = Duration::from_secs(1);
const ON_TIME: Duration = Duration::from_millis(5);
/// As much does not come by itself on a machine that has time.
pub(crate) const BUSY: Duration = Duration::from_millis(20);

/// Watches while it lives.
#[derive(Debug, Clone)]
pub struct Lateness {
    /// A thread that goes first, as those that measure do.
    first: Seen,
    /// And one that waits its turn.
    other: Seen,
}

/// When a nap was to end, and by how much it was late.
type Seen = Arc<Mutex<VecDeque<(Duration, Duration)>>>;

impl Lateness {
    /// Begins to watch.
    #[must_use]
    pub fn watch() -> Self {
        Self {
            first: naps(true),
            other: naps(false),
        }
    }

    /// Waits until this machine has been on time for a while, for `most` at most and not
    /// after `stop`: what is measured once more is worth measuring only then.
    pub fn calm(&self, most: Duration, stop: &AtomicBool) {
        let end = clock::now() + most;
        loop {
            let now = clock::now();
            let stopped = stop.load(Ordering::Relaxed);
            if stopped
                || now >= end
                || self.worst_of_any(now.saturating_sub(A_WHILE), now) < ON_TIME
            {
                return;
            }
            thread::sleep(NAP);
        }
    }

    /// The greatest lateness in a stretch of time, of threads that go first
    /// ([`ayt_sys::lab::be_prompt`]).
    #[must_use]
    pub fn worst(&self, from: Duration, until: Duration) -> Duration {
        worst(&self.first, from, until)
    }

    /// The same of any thread.
    #[must_use]
    pub fn worst_of_any(&self, from: Duration, until: Duration) -> Duration {
        self.worst(from, until).max(worst(&self.other, from, until))
    }

    /// By how much it was, where the machine was too busy since then for a verdict
    /// that went wrong to stand at the first try.
    pub(crate) fn busy(&self, since: Duration) -> Option<Duration> {
        let late = self.worst_of_any(since, clock::now());
        (late >= BUSY).then_some(late)
    }
}

fn worst(seen: &Seen, from: Duration, until: Duration) -> Duration {
    let seen = lock(seen);
    let within = seen
        .iter()
        .filter(|(due, late)| *due + *late >= from && *due <= until);
    within.map(|(_, late)| *late).max().unwrap_or_default()
}

/// Starts a thread that sleeps and looks how much longer it took, while somebody wants
/// to know.
fn naps(first: bool) -> Seen {
    let seen = Seen::default();
    let watched = Arc::downgrade(&seen);
    let nap = move || {
        if first {
            ayt_sys::lab::be_prompt();
        }
        loop {
            let due = clock::now() + NAP;
            thread::sleep(NAP);
            let late = clock::now().saturating_sub(due);
            let Some(seen) = watched.upgrade() else {
                return;
            };
            if late >= LEAST {
                let mut seen = lock(&seen);
                if seen.len() == MOST {
                    seen.pop_front();
                }
                seen.push_back((due, late));
            }
        }
    };
    // Without it nothing is excused.
    let _ = thread::Builder::new()
        .name("lateness".to_owned())
        .spawn(nap);
    seen
}

/// How long the threads of a process have been ready to run and were not, so far
/// (`run_delay` of /proc/PID/task/*/schedstat).
pub(super) fn waited_for_cpu(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let waited = tasks.into_iter().flatten().flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(waited.sum())
}
