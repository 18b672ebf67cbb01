//! Time in which this side was held up, and which counts for nobody.

use std::time::Duration;

/// A timer that is later than this was held up, by more than a loaded machine's
/// scheduler does.
const LATE: Duration = Duration::from_secs(1);
/// The bounds of the time between two looks at the clock.
const LOOKS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// Notices that its owner was not called when it was due, and gives the time since the
/// call before back to all who wait.
///
/// How long it really stood still nobody knows: a process that is stopped is not told.
/// It was some of the time since the last call, so all of that is given back. To keep
/// that short, the owner is called every so often while somebody waits (an eighth of
/// the time they have, 1 s to 30 s); so also is a stop found in which nothing was due.
#[derive(Debug, Clone)]
pub(super) struct HoldUps {
    every: Duration,
    /// The last call.
    seen: Duration,
    /// What does not count, all told.
    lost: Duration,
}

impl HoldUps {
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            every: (wait / 8).clamp(LOOKS[0], LOOKS[1]),
            seen: Duration::ZERO,
            lost: Duration::ZERO,
        }
    }

    /// What counts of the time until `now`.
    pub(super) const fn counted(&self, now: Duration) -> Duration {
        now.saturating_sub(self.lost)
    }

    /// When to be called for something that is due at a counted time.
    pub(super) fn look(&self, due: Duration) -> Duration {
        let due = due.saturating_add(self.lost);
        due.min(self.seen.saturating_add(self.every))
    }

    /// The owner is called, and was to be at `due`. Gives the time that counts.
    pub(super) fn called(&mut self, now: Duration, due: Option<Duration>) -> Duration {
        if due.is_some_and(|due| now.saturating_sub(due) > LATE) {
            self.lost += now.saturating_sub(self.seen);
        }
        self.seen = self.seen.max(now);
        self.counted(now)
    }
}
