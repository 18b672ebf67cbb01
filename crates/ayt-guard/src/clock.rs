//! The guard's only clock: offsets from the start of a run.

use std::time::{Duration, Instant};

use ayt_core::probe::ReadAt;

/// Time since a run began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts a run.
    pub(crate) fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the driver reads the clock so that decisions need not"
        )]
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// Does `work`, and says between when and when.
    pub(crate) fn around<T>(&self, work: impl FnOnce() -> T) -> (ReadAt, T) {
        let earliest = self.now();
        let done = work();
        let latest = self.now();
        (ReadAt { earliest, latest }, done)
    }
}
