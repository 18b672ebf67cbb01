//! Two devices with one identity displace each other for ever: found by counting.

use std::collections::VecDeque;
use std::time::Duration;

/// When takeovers are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlapLimit {
    /// The time in which they are counted, default 1 min.
    pub window: Duration,
    /// How many are allowed in it, default 5.
    pub takeovers: u32,
    /// The hint to a client that is refused, ms, default 60,000.
    pub retry_ms: u32,
}

impl Default for FlapLimit {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            takeovers: 5,
            retry_ms: 60_000,
        }
    }
}

/// The takeovers of one identity.
#[derive(Debug, Clone, Default)]
pub(super) struct Flaps {
    /// The latest ones, oldest first; never more than are allowed.
    times: VecDeque<Duration>,
    told: bool,
}

impl Flaps {
    pub(super) fn count(&mut self, now: Duration, limit: &FlapLimit) {
        self.forget(now, limit);
        self.times.push_back(now);
        if self.times.len() > limit.takeovers as usize {
            self.times.pop_front();
        }
    }

    /// No more for now. The bool says that this is news.
    pub(super) fn too_many(&mut self, now: Duration, limit: &FlapLimit) -> Option<bool> {
        self.forget(now, limit);
        if self.times.len() < limit.takeovers as usize {
            self.told = false;
            return None;
        }
        Some(!std::mem::replace(&mut self.told, true))
    }

    fn forget(&mut self, now: Duration, limit: &FlapLimit) {
        while self
            .times
            .front()
            .is_some_and(|&at| now.saturating_sub(at) >= limit.window)
        {
            self.times.pop_front();
        }
    }
}
