//! The lab's clock: one origin for every wire and host of the process, so that
//! their times can be compared. The only place here that reads a clock.

#![expect(
    clippy::disallowed_methods,
    reason = "the lab drives real kernels in real time; stages are given `now`"
)]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static ORIGIN: OnceLock<(Instant, Duration)> = OnceLock::new();

fn origin() -> (Instant, Duration) {
    *ORIGIN.get_or_init(|| (Instant::now(), wall()))
}

fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The time since the lab's origin, which is its first use.
#[must_use]
pub fn now() -> Duration {
    // The origin first: it may be made here.
    let (origin, _) = origin();
    Instant::now().saturating_duration_since(origin)
}

/// What the wall clock said at the lab's origin, since 1970.
#[must_use]
pub fn wall_origin() -> Duration {
    origin().1
}

/// The lab's origin in the clock that all processes of this machine share
/// (CLOCK_MONOTONIC): what makes the times of its programs comparable.
#[must_use]
pub fn shared_origin() -> Duration {
    static SHARED: OnceLock<Duration> = OnceLock::new();
    // Both are the same clock: a preemption between the two reads is left out by
    // taking the closest of a few.
    *SHARED.get_or_init(|| {
        let gaps = (0..5).map(|_| {
            let before = now();
            let shared = ayt_sys::lab::monotonic();
            (now().saturating_sub(before), shared.saturating_sub(before))
        });
        gaps.min_by_key(|(width, _)| *width)
            .map(|(_, origin)| origin)
            .unwrap_or_default()
    })
}

/// Turns the kernel's wall-clock stamps of the recent past into the lab's time, by
/// their age: a step of the wall clock moves nothing that was stamped after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamps {
    now: Duration,
    wall: Duration,
}

impl Stamps {
    pub(crate) fn read() -> Self {
        Self {
            now: now(),
            wall: wall(),
        }
    }

    /// Never later than now.
    pub(crate) fn time(self, stamp: Duration) -> Duration {
        self.now.saturating_sub(self.wall.saturating_sub(stamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_as_old_in_either_clock() {
        let stamps = Stamps {
            now: Duration::from_secs(10),
            wall: Duration::from_secs(1_000),
        };
        let second = Duration::from_secs(1);
        assert_eq!(stamps.time(stamps.wall - second), stamps.now - second);
        assert_eq!(stamps.time(stamps.wall + second), stamps.now);
        assert_eq!(stamps.time(Duration::ZERO), Duration::ZERO);
    }
}
