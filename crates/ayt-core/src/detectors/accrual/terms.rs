//! What an [`Accrual`](super::Accrual) works with, and why by default with that.

use std::time::Duration;

#[cfg(doc)]
use super::Accrual;
use super::WARM;
use crate::detectors::terms::{LEAST_INTERVAL, MOST_CHALLENGE, MOST_INTERVAL};

/// Largest window.
pub const MOST_WINDOW: usize = 10_000;

/// What an [`Accrual`] works with. Made by [`Self::new`]; the `with_` functions change
/// one value each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccrualTerms {
    pub(super) expected: Duration,
    pub(super) threshold: f64,
    pub(super) window: usize,
    pub(super) least_deviation: Duration,
    pub(super) pause: Duration,
    pub(super) least_gap: Duration,
    pub(super) ceiling: Duration,
    pub(super) challenge: Duration,
    pub(super) lateness: Duration,
    pub(super) one_way: bool,
}

impl AccrualTerms {
    /// Terms for a peer that is expected to send about every `expected` (1 ms to
    /// 24 h), with
    ///
    /// | | default | why |
    /// |---|---|---|
    /// | threshold | 8 | Akka's and Cassandra's; Hazelcast has 10 |
    /// | window | 200 gaps | Hazelcast's and Akka's |
    /// | least deviation | the larger of 100 ms and a twentieth of the interval | 100 ms is Akka's and Hazelcast's, made for heartbeats of a second |
    /// | acceptable pause | 3 s | Akka's; the first two retransmissions of RFC 6298, 1 s and 2 s |
    /// | least gap | half the interval | what comes closer is data |
    /// | challenge | 5 s | the protocol's |
    /// | ceiling | three intervals, the pause and the challenge | what `Fixed` would take with three misses, or a little more |
    /// | lateness | the interval | the protocol's |
    ///
    /// # Errors
    /// The interval is out of range.
    pub fn new(expected: Duration) -> Result<Self, BadAccrual> {
        if !(LEAST_INTERVAL..=MOST_INTERVAL).contains(&expected) {
            return Err(BadAccrual::Expected(expected));
        }
        let (pause, challenge) = (Duration::from_secs(3), Duration::from_secs(5));
        Ok(Self {
            expected,
            threshold: 8.0,
            window: 200,
            least_deviation: Duration::from_millis(100).max(expected / 20),
            pause,
            least_gap: expected / 2,
            ceiling: expected * 3 + pause + challenge,
            challenge,
            lateness: expected,
            one_way: false,
        })
    }

    /// With another threshold: the φ at which a peer is suspected, 0.1 to 300.
    ///
    /// # Errors
    /// It is out of range, or no number.
    pub fn with_threshold(self, threshold: f64) -> Result<Self, BadAccrual> {
        if (0.1..=300.0).contains(&threshold) {
            Ok(Self { threshold, ..self })
        } else {
            Err(BadAccrual::Threshold(threshold))
        }
    }

    /// With another window: how many gaps are remembered, 8 to 10,000. Four bytes each.
    ///
    /// # Errors
    /// It is out of range.
    pub fn with_window(self, window: usize) -> Result<Self, BadAccrual> {
        if (WARM..=MOST_WINDOW).contains(&window) {
            Ok(Self { window, ..self })
        } else {
            Err(BadAccrual::Window(window))
        }
    }

    /// With other floors: the least standard deviation, at least 1 ms, so that a peer
    /// as regular as a clock is not suspected for a hair's breadth; and the acceptable
    /// pause, which is added to every deadline.
    ///
    /// # Errors
    /// The deviation is below 1 ms, or one of them is longer than 24 h.
    pub fn with_floor(
        self,
        least_deviation: Duration,
        pause: Duration,
    ) -> Result<Self, BadAccrual> {
        if !(LEAST_INTERVAL..=MOST_INTERVAL).contains(&least_deviation) {
            return Err(BadAccrual::Deviation(least_deviation));
        }
        if pause > MOST_INTERVAL {
            return Err(BadAccrual::Pause(pause));
        }
        Ok(Self {
            least_deviation,
            pause,
            ..self
        })
    }

    /// With another ceiling: the silence after which the peer has had its time whatever
    /// φ says; and another challenge time, at most 1 h.
    ///
    /// # Errors
    /// The ceiling leaves no expected interval before the challenge, or is longer than
    /// ten days; or the challenge is out of range.
    pub fn with_ceiling(self, ceiling: Duration, challenge: Duration) -> Result<Self, BadAccrual> {
        if challenge > MOST_CHALLENGE {
            return Err(BadAccrual::Challenge(challenge));
        }
        let least = self.expected.saturating_add(challenge);
        if ceiling < least || ceiling > MOST_INTERVAL * 10 {
            return Err(BadAccrual::Ceiling { ceiling, least });
        }
        Ok(Self {
            ceiling,
            challenge,
            ..self
        })
    }

    /// With another least gap: what follows sooner is part of the same arrival.
    #[must_use]
    pub const fn with_least_gap(self, least_gap: Duration) -> Self {
        Self { least_gap, ..self }
    }

    /// With another bound of lateness, as [`Terms::with_lateness`](crate::detectors::Terms::with_lateness).
    #[must_use]
    pub const fn with_lateness(self, lateness: Duration) -> Self {
        Self { lateness, ..self }
    }

    /// For a peer that cannot be asked, as [`Terms::one_way`](crate::detectors::Terms::one_way).
    #[must_use]
    pub const fn one_way(self) -> Self {
        Self {
            one_way: true,
            ..self
        }
    }

    /// Time to answer.
    #[must_use]
    pub const fn challenge(&self) -> Duration {
        self.challenge
    }

    /// The longest time for which a death stays unnoticed, own lateness apart.
    #[must_use]
    pub const fn detection(&self) -> Duration {
        self.ceiling
    }
}

/// What is wrong with the terms of an [`Accrual`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BadAccrual {
    /// The expected interval is out of range.
    #[error("expected interval {0:?} is out of range 1ms..=24h")]
    Expected(Duration),
    /// The threshold is out of range.
    #[error("threshold {0} is out of range 0.1..=300; 8 is usual")]
    Threshold(f64),
    /// The window is out of range.
    #[error("a window of {0} gaps is out of range 8..=10000; 200 is usual")]
    Window(usize),
    /// The least deviation is out of range.
    #[error("least deviation {0:?} is out of range 1ms..=24h; 100ms is usual")]
    Deviation(Duration),
    /// The acceptable pause is out of range.
    #[error("acceptable pause {0:?} is out of range 0s..=24h")]
    Pause(Duration),
    /// The challenge time is out of range.
    #[error("challenge time {0:?} is out of range 0s..=1h")]
    Challenge(Duration),
    /// The ceiling is out of range.
    #[error(
        "ceiling {ceiling:?} is out of range {least:?}..=240h: it has to hold an expected \
         interval and the challenge time"
    )]
    Ceiling {
        /// What was given.
        ceiling: Duration,
        /// The least that makes sense.
        least: Duration,
    },
}
