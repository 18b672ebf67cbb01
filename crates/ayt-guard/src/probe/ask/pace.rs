//! The bound that `--rate` sets.

use std::time::Duration;

/// How many asks `--rate` allows.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: Option<u32>,
    next: Duration,
}

impl Pace {
    pub(crate) const fn new(per_second: Option<u32>) -> Self {
        Self {
            per_second,
            next: Duration::ZERO,
        }
    }

    /// How many may be asked now; counts them as asked.
    pub(crate) fn allowed(&mut self, now: Duration) -> usize {
        let Some(rate) = self.per_second else {
            return usize::MAX;
        };
        if now < self.next {
            return 0;
        }
        // A share of ten milliseconds at a time, at least one.
        let share = (rate / 100).max(1);
        self.next = now + Duration::from_secs(1) * share / rate.max(1);
        share as usize
    }

    /// When the next may be asked.
    pub(crate) const fn next_at(&self) -> Duration {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_kept_over_time() {
        for rate in [1, 50, 1_000, 33_333] {
            let mut pace = Pace::new(Some(rate));
            let (mut asked, mut now) = (0, Duration::ZERO);
            while now < Duration::from_secs(10) {
                asked += pace.allowed(now);
                now = pace.next_at().max(now + Duration::from_micros(1));
            }
            let wanted = f64::from(rate) * 10.0;
            assert!(asked as f64 <= wanted * 1.02 + 1.0, "{rate}: {asked}");
            assert!(asked as f64 >= wanted * 0.95 - 1.0, "{rate}: {asked}");
        }
        assert_eq!(Pace::new(None).allowed(Duration::ZERO), usize::MAX);
    }
}
