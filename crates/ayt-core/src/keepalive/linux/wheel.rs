//! The kernel's timer wheel: how much later than asked a timer fires.
//!
//! `calc_index` in `kernel/time/timer.c` rounds an expiry up to the next bucket of
//! the level its wait falls in: of 1 tick for waits of up to 63 ticks, and of eight
//! times as many for waits of up to eight times as long, and so on. A timer is so
//! never early, and late by one tick to one bucket. At 250 ticks a second a bucket
//! is 4 ms up to 0.25 s, 32 ms up to 2 s, 0.26 s up to 16 s, 2.05 s up to 129 s,
//! 16.4 s up to 17 min.
//!
//! Buckets are counted from boot, so a timer that sets itself again from its own
//! run starts *on* a bucket: from then on its lateness is not up to chance but
//! always the same. That is what makes the times so exact.

use std::time::Duration;

/// Eight levels on a slow kernel, nine otherwise (`LVL_DEPTH`); more never matter
/// within the times that keepalive takes.
const LEVELS: u32 = 9;

/// That many ticks as a time.
pub(super) fn time(ticks: u64, hz: u32) -> Duration {
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(hz.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// One timer tick.
pub(crate) fn tick(hz: u32) -> Duration {
    time(1, hz)
}

/// A time as ticks, rounded up, as `msecs_to_jiffies` does.
pub(super) fn ticks(time: Duration, hz: u32) -> u64 {
    let ticks = (time.as_nanos() * u128::from(hz)).div_ceil(1_000_000_000);
    // Room to add a few without thinking of overflow.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(u64::MAX >> 8)
}

/// The size, in ticks, of the buckets for a wait of that many ticks (`LVL_START`,
/// `LVL_GRAN`).
pub(super) fn bucket(wait: u64) -> u64 {
    let level = (0..LEVELS - 1)
        .find(|level| wait < 63 << (3 * level))
        .unwrap_or(LEVELS - 1);
    1 << (3 * level)
}

/// A timer that sets itself again and again from its own run: when its latest run
/// comes, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    /// Not before.
    pub(super) earliest: u64,
    /// Not after.
    pub(super) latest: u64,
    /// The run is on a bucket of this size.
    on_bucket: u64,
}

impl Chain {
    /// A run between these ticks, on a bucket of that size.
    pub(super) const fn from(earliest: u64, latest: u64, on_bucket: u64) -> Self {
        Self {
            earliest,
            latest,
            on_bucket,
        }
    }

    /// The next run, set at this one for `wait` ticks later.
    pub(super) fn then(self, wait: u64) -> Self {
        let bucket = bucket(wait);
        // What the expiry has beyond a bucket is known as far as the start is.
        let known = self.on_bucket.min(bucket);
        let beyond = wait % known;
        Self {
            earliest: self.earliest.saturating_add(wait + known - beyond),
            latest: self.latest.saturating_add(wait + bucket - beyond),
            on_bucket: bucket,
        }
    }

    /// `times` more runs, each `wait` ticks after the one before.
    pub(super) fn then_many(self, wait: u64, times: u32) -> Self {
        let Some(again) = times.checked_sub(1) else {
            return self;
        };
        // From the second on every one is late by the same.
        let first = self.then(wait);
        let step = first.then(wait).earliest.saturating_sub(first.earliest);
        let rest = step.saturating_mul(again.into());
        Self {
            earliest: first.earliest.saturating_add(rest),
            latest: first.latest.saturating_add(rest),
            ..first
        }
    }
}

#[cfg(test)]
pub(super) mod exact {
    /// The tick at which the kernel runs a timer that is set at tick `now` for
    /// `delta` ticks later; written after `calc_index`, apart from the above.
    pub(in super::super) fn fires(now: u64, delta: u64) -> u64 {
        let (mut shift, mut room) = (0, 63);
        while delta >= room && shift < 24 {
            shift += 3;
            room *= 8;
        }
        (((now + delta) >> shift) + 1) << shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_those_measured() {
        for (ms, late_ms) in [
            (100, 4),
            (248, 4),
            (252, 32),
            (2_012, 32),
            (2_016, 256),
            (16_000, 256),
            (17_000, 2_048),
            (128_000, 2_048),
            (130_000, 16_384),
        ] {
            let bucket = bucket(ticks(Duration::from_millis(ms), 250));
            assert_eq!(time(bucket, 250), Duration::from_millis(late_ms), "{ms} ms");
        }
    }

    proptest! {
        #[test]
        fn no_timer_is_early_and_none_later_than_a_bucket(
            now in 0_u64..1 << 40, wait in 1_u64..9_000_000
        ) {
            let late = exact::fires(now, wait) - (now + wait);
            prop_assert!((1..=bucket(wait)).contains(&late), "{late} ticks late");
        }

        #[test]
        fn a_chain_holds_every_run(
            now in 0_u64..1 << 40, waits in prop::collection::vec(1_u64..9_000_000, 1..8),
            again in 0_u32..9,
        ) {
            let (mut run, mut chain) = (now, Chain::from(now, now, 1));
            for wait in &waits {
                run = exact::fires(run, *wait);
                chain = chain.then(*wait);
                prop_assert!((chain.earliest..=chain.latest).contains(&run), "{run}: {chain:?}");
            }
            for _ in 0..again {
                run = exact::fires(run, waits[0]);
            }
            chain = chain.then_many(waits[0], again);
            prop_assert!((chain.earliest..=chain.latest).contains(&run), "{run}: {chain:?}");
        }
    }
}
