//! How late this machine is: for what is measured in real time on one that others use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{JoinHandle, park_timeout, spawn};
use std::time::{Duration, Instant};

/// How often it looks.
const STEP: Duration = Duration::from_millis(5);
/// What a machine with nothing else to do may take to wake a thread.
const USUAL: Duration = Duration::from_millis(5);

/// Sums up how much later than asked a thread was woken, as everybody else may have been.
pub(crate) struct Lateness {
    all: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Lateness {
    /// From now on, until it is dropped.
    pub(crate) fn watch() -> Self {
        let (all, over) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (sum, end) = (Arc::clone(&all), Arc::clone(&over));
        let thread = spawn(move || {
            while !end.load(Relaxed) {
                let asleep = Instant::now();
                park_timeout(STEP);
                let late = asleep.elapsed().saturating_sub(STEP);
                if late > USUAL {
                    sum.fetch_add(late.as_nanos() as u64, Relaxed);
                }
            }
        });
        Self {
            all,
            over,
            thread: Some(thread),
        }
    }

    /// In all so far.
    pub(crate) fn so_far(&self) -> Duration {
        Duration::from_nanos(self.all.load(Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
