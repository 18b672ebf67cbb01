//! The supervisor's own time: it stands still while the machine slept.

use std::time::Duration;

/// Milliseconds since an origin of its own.
///
/// A call that comes later than the lateness bound after the moment the supervisor
/// was to be called at finds that its own timer was late. Then its time jumps back
/// to that bound: no session grows older by a gap in which nobody listened, and no
/// session has to be touched for that. All silences begin anew, at [`Self::floor`].
#[derive(Debug)]
pub(super) struct Clock {
    /// How much the caller's time is ahead.
    skew: u64,
    /// No silence began earlier.
    floor: u64,
    lateness: u64,
    /// Later than this is late. It may be earlier than it has to be, never later.
    late_at: u64,
    /// The same in the caller's time.
    late_now: Duration,
    /// By how much calls were late, since it was last taken.
    late_by: u64,
}

impl Clock {
    pub(super) const fn new(lateness: Duration) -> Self {
        Self {
            skew: 0,
            floor: 0,
            lateness: whole_ms(lateness),
            late_at: u64::MAX,
            late_now: Duration::MAX,
            late_by: 0,
        }
    }

    /// The lower 32 bits of the own time of `now`, unless that may be late.
    ///
    /// Few instructions, and none that waits: the processor shall be well ahead, and
    /// loading what the next chunks need, when the slot of this one comes from memory.
    #[inline]
    #[expect(
        clippy::manual_div_ceil,
        reason = "div_ceil cannot know that the sum does not overflow, and divides twice"
    )]
    pub(super) fn stamp(&self, now: Duration) -> Option<u32> {
        let ms = (now.as_secs() as u32)
            .wrapping_mul(1_000)
            .wrapping_add((now.subsec_nanos() + 999_999) / 1_000_000)
            .wrapping_sub(self.skew as u32);
        (now <= self.late_now).then_some(ms)
    }

    /// The own time of `now`, where `due` is when the supervisor was to be called.
    pub(super) fn judged(&mut self, now: Duration, due: Option<u64>) -> u64 {
        let at = self.at(now);
        self.late_at = u64::MAX;
        self.late_now = Duration::MAX;
        let Some(due) = due else {
            return at;
        };
        self.expect(due);
        if at <= self.late_at {
            return at;
        }
        self.late_by = self.late_by.saturating_add(at - due);
        self.skew = self.skew.saturating_add(at - self.late_at);
        self.floor = self.late_at;
        self.late_now = self.outside(self.late_at);
        self.late_at
    }

    /// It is to be called at `due` or before.
    pub(super) fn expect(&mut self, due: u64) {
        let late_at = due.saturating_add(self.lateness);
        if late_at < self.late_at {
            self.late_at = late_at;
            self.late_now = self.outside(late_at);
        }
    }

    /// When all silences began at the earliest.
    pub(super) const fn floor(&self) -> u64 {
        self.floor
    }

    /// By how much calls were late since this was last asked.
    pub(super) fn take_late(&mut self) -> Option<Duration> {
        let late = std::mem::take(&mut self.late_by);
        (late > 0).then(|| Duration::from_millis(late))
    }

    /// The caller's time of an own one.
    pub(super) const fn outside(&self, at: u64) -> Duration {
        Duration::from_millis(at.saturating_add(self.skew))
    }

    /// The own time without judging it.
    pub(super) const fn at(&self, now: Duration) -> u64 {
        whole_ms(now).saturating_sub(self.skew)
    }
}

/// Whole milliseconds, rounded up: what is said to have been heard a little later
/// than it was expires a little later, never earlier. The end of time is after 146
/// million years, so that sums do not overflow.
pub(super) const fn whole_ms(time: Duration) -> u64 {
    const END: u64 = u64::MAX / 4;
    let rest = time.subsec_nanos().div_ceil(1_000_000);
    let ms = time.as_secs().saturating_mul(1_000);
    if ms > END { END } else { ms + rest as u64 }
}
