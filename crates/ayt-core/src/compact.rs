//! Times in eight bytes, for what a million sessions each keep.

use std::num::NonZeroU64;
use std::time::Duration;

/// A time or a time span in whole nanoseconds. [`Duration`] takes 16 bytes; this takes
/// 8, also within an `Option`. More than 584 years are taken for 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Nanos(NonZeroU64);

impl Nanos {
    pub(crate) const fn new(time: Duration) -> Self {
        let nanos = time.as_nanos();
        let one_more = if nanos >= u64::MAX as u128 {
            u64::MAX
        } else {
            nanos as u64 + 1
        };
        // Never zero: at least one was added.
        match NonZeroU64::new(one_more) {
            Some(value) => Self(value),
            None => Self(NonZeroU64::MIN),
        }
    }

    pub(crate) const fn get(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }

    /// Of what may not be set.
    pub(crate) const fn of(time: Option<Duration>) -> Option<Self> {
        match time {
            Some(time) => Some(Self::new(time)),
            None => None,
        }
    }
}

impl From<Duration> for Nanos {
    fn from(time: Duration) -> Self {
        Self::new(time)
    }
}

impl From<Nanos> for Duration {
    fn from(time: Nanos) -> Self {
        time.get()
    }
}

impl std::fmt::Debug for Nanos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for nanos in [0, 1, 1_000_000_000, u64::MAX - 2, u64::MAX - 1] {
            let time = Duration::from_nanos(nanos);
            assert_eq!(Nanos::new(time).get(), time);
        }
        let most = Duration::from_nanos(u64::MAX - 1);
        assert_eq!(Nanos::new(Duration::MAX).get(), most);
        assert_eq!(Nanos::new(Duration::from_nanos(u64::MAX)).get(), most);
        assert_eq!(size_of::<Option<Nanos>>(), 8);
    }
}
