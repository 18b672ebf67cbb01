//! Times and queues in four or eight bytes, for what a million sessions each keep.

use std::collections::VecDeque;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// A time or a time span in whole nanoseconds. [`Duration`] takes 16 bytes; this takes
/// 8, also within an `Option`. More than 584 years are taken for 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(NonZeroU64);

impl Nanos {
    /// Of this time.
    #[must_use]
    pub const fn new(time: Duration) -> Self {
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

    /// The time.
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
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

/// A time span in microseconds, rounded up: 4 bytes, also within an `Option`. More than
/// 71 minutes are taken for 71 minutes, which is beyond every bound of the protocol's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Micros(NonZeroU32);

impl Micros {
    pub(crate) const fn new(time: Duration) -> Self {
        let micros = time.as_nanos().div_ceil(1_000);
        let one_more = if micros >= u32::MAX as u128 {
            u32::MAX
        } else {
            micros as u32 + 1
        };
        // Never zero: at least one was added.
        match NonZeroU32::new(one_more) {
            Some(value) => Self(value),
            None => Self(NonZeroU32::MIN),
        }
    }

    pub(crate) const fn get(self) -> Duration {
        Duration::from_micros(self.0.get() as u64 - 1)
    }
}

impl std::fmt::Debug for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

/// A [`VecDeque`] that takes 8 bytes while nothing was ever in it, and again after
/// [`Self::rest`]; in between it keeps its room, so that a busy one allocates nothing.
#[derive(Debug, Clone)]
#[expect(clippy::box_collection, reason = "8 bytes while empty, in place of 32")]
pub(crate) struct Queue<T>(Option<Box<VecDeque<T>>>);

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.0.as_ref()?.get(index)
    }

    pub(crate) fn push_back(&mut self, value: T) {
        self.0.get_or_insert_default().push_back(value);
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.0.as_mut()?.pop_front()
    }

    /// Gives back the room of a burst, if nothing is left of it: a million idle sessions
    /// must not each keep that of their busiest moment.
    pub(crate) fn shrink(&mut self) {
        self.0
            .take_if(|queue| queue.is_empty() && queue.capacity() > 64);
    }

    /// Gives back all room, if nothing is in it.
    pub(crate) fn rest(&mut self) {
        self.0.take_if(|queue| queue.is_empty());
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flat_map(|queue| *queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_never_shorter_than_it_was() {
        for (nanos, micros) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
            let span = Micros::new(Duration::from_nanos(nanos));
            assert_eq!(span.get(), Duration::from_micros(micros));
        }
        let hour = Duration::from_secs(3_600);
        assert_eq!(Micros::new(hour).get(), hour);
        assert!(Micros::new(Duration::MAX).get() > hour);
        assert_eq!(size_of::<Option<Micros>>(), 4);
    }

    #[test]
    fn a_queue_takes_room_only_while_it_is_used() {
        let mut queue = Queue::new();
        assert_eq!((size_of::<Queue<u64>>(), queue.pop_front()), (8, None));
        for n in 0..100 {
            queue.push_back(n);
        }
        assert_eq!(
            (queue.len(), queue.get(99), queue.get(100)),
            (100, Some(&99), None)
        );
        queue.shrink();
        queue.rest();
        assert!((0..100).all(|n| queue.pop_front() == Some(n)));
        assert!(queue.is_empty() && queue.0.is_some());
        queue.shrink();
        assert!(queue.0.is_none(), "a burst");
        queue.push_back(1);
        assert_eq!(queue.pop_front(), Some(1));
        queue.shrink();
        assert!(queue.0.is_some(), "it is cheap to keep");
        queue.rest();
        assert!(queue.0.is_none());
        queue.push_back(7);
        assert!(queue.into_iter().eq([7]));
    }

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
