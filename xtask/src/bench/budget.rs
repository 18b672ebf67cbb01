//! A bound on the whole run.

use std::time::{Duration, Instant};

/// When to stop beginning new rounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    start: Instant,
    limit: Duration,
}

impl Budget {
    pub(super) fn minutes(minutes: u64) -> Self {
        Self {
            start: Instant::now(),
            limit: Duration::from_secs(60 * minutes),
        }
    }

    /// What is left.
    pub(super) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.start.elapsed())
    }

    /// Whether something of this length still fits.
    pub(super) fn allows(&self, length: Duration) -> bool {
        length <= self.left()
    }
}
