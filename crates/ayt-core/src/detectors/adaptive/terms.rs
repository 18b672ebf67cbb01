//! What a search works with, and why by default with that.

use std::time::Duration;

/// Shortest and longest silence that a spare connection can be asked for
/// (docs/protocol.md, "Timers and bounds").
pub const SILENCES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(2 * 60 * 60);

/// Known good and known bad are near enough when they differ by this part of the good.
pub(super) const NEAR: u32 = 16;
/// Failures at one silence before it is believed to be too long.
pub(super) const FAILURES: u8 = 2;
/// Successes at the silence that is settled on.
pub(super) const SUCCESSES: u8 = 2;

/// What an [`Adaptive`](super::Adaptive) works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchTerms {
    pub(super) floor: Duration,
    pub(super) ceiling: Duration,
    pub(super) margin_percent: u8,
    pub(super) answer: Duration,
    pub(super) open: Duration,
    pub(super) longer_after: Duration,
    pub(super) networks: usize,
}

impl SearchTerms {
    /// A search between a `floor`, which is used while nothing is known and never
    /// undercut, and a `ceiling`; both 10 ms to 2 h. With
    ///
    /// | | default | why |
    /// |---|---|---|
    /// | margin | 10 % below the longest silence that was survived | NATs look at their tables from time to time only |
    /// | time to answer | 5 s | the protocol's challenge time |
    /// | time to open a spare | 10 s | the protocol's registration deadline |
    /// | a longer one is tried after | 7 days | Mars has seven days too |
    /// | networks remembered | 20 | Mars has twenty too |
    ///
    /// # Errors
    /// One of them is out of range, or the ceiling is below the floor.
    pub fn new(floor: Duration, ceiling: Duration) -> Result<Self, BadSearch> {
        for silence in [floor, ceiling] {
            if !SILENCES.contains(&silence) {
                return Err(BadSearch::Silence(silence));
            }
        }
        if ceiling < floor {
            return Err(BadSearch::Order { floor, ceiling });
        }
        Ok(Self {
            floor: whole_ms(floor),
            ceiling: whole_ms(ceiling),
            margin_percent: 10,
            answer: Duration::from_secs(5),
            open: Duration::from_secs(10),
            longer_after: Duration::from_secs(7 * 24 * 60 * 60),
            networks: 20,
        })
    }

    /// With another margin, 0 to 50 %.
    ///
    /// # Errors
    /// It is more.
    pub const fn with_margin(self, percent: u8) -> Result<Self, BadSearch> {
        if percent > 50 {
            return Err(BadSearch::Margin(percent));
        }
        Ok(Self {
            margin_percent: percent,
            ..self
        })
    }

    /// With other times to answer, of the server on either connection, and to open a
    /// spare.
    #[must_use]
    pub const fn with_patience(self, answer: Duration, open: Duration) -> Self {
        Self {
            answer,
            open,
            ..self
        }
    }

    /// With another time after which a silence that once was too long is tried again.
    #[must_use]
    pub const fn with_longer_after(self, longer_after: Duration) -> Self {
        Self {
            longer_after,
            ..self
        }
    }

    /// With another number of networks to remember, 1 to 1,000.
    ///
    /// # Errors
    /// It is out of range.
    pub const fn with_networks(self, networks: usize) -> Result<Self, BadSearch> {
        if networks == 0 || networks > super::memory::MOST_NETWORKS {
            return Err(BadSearch::Networks(networks));
        }
        Ok(Self { networks, ..self })
    }

    /// The shortest interval.
    #[must_use]
    pub const fn floor(&self) -> Duration {
        self.floor
    }

    /// The longest interval.
    #[must_use]
    pub const fn ceiling(&self) -> Duration {
        self.ceiling
    }

    /// The interval to use where silences of `good` are survived.
    pub(super) fn interval(&self, good: Option<Duration>) -> Duration {
        let usable = |good: Duration| good * (100 - u32::from(self.margin_percent)) / 100;
        good.map_or(self.floor, |good| usable(good).max(self.floor))
    }

    /// How many silences a search takes at most on a path whose timeout does not change
    /// and that loses nothing: doublings, and the one that was too much, twice; four
    /// halvings, each of which may fail twice; and one more success at the end.
    #[must_use]
    pub fn tries(&self) -> u32 {
        let mut doublings = 0;
        let mut silence = self.floor;
        while silence < self.ceiling {
            silence *= 2;
            doublings += 1;
        }
        let failures = u32::from(FAILURES);
        1 + doublings + failures + NEAR.ilog2() * failures + u32::from(SUCCESSES) - 1
    }
}

fn whole_ms(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// What is wrong with the terms of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSearch {
    /// Floor or ceiling is out of range.
    #[error("silence {0:?} is out of range 10ms..=2h")]
    Silence(Duration),
    /// The ceiling is below the floor.
    #[error("ceiling {ceiling:?} is below floor {floor:?}; give the smaller one first")]
    Order {
        /// The floor.
        floor: Duration,
        /// The ceiling.
        ceiling: Duration,
    },
    /// The margin is too large.
    #[error("a margin of {0} % is out of range 0..=50")]
    Margin(u8),
    /// The number of networks is out of range.
    #[error("{0} networks to remember are out of range 1..=1000")]
    Networks(usize),
    /// A network's label is too long.
    #[error("a network's label of {0} bytes is too long; at most 128")]
    Label(usize),
}
