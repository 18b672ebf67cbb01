//! What was agreed about silence: docs/protocol.md, "Heartbeats".

use std::time::Duration;

use crate::compact::{Micros, Nanos};

/// Shortest interval: the clock of the protocol counts milliseconds.
pub const LEAST_INTERVAL: Duration = Duration::from_millis(1);
/// Longest interval: a day.
pub const MOST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// Most silences in a row before suspicion.
pub const MOST_MISSES: u8 = 10;
/// Longest time for an answer: an hour.
pub const MOST_CHALLENGE: Duration = Duration::from_secs(60 * 60);

/// How long a peer may be silent, and what follows: interval B, misses M and
/// challenge C of the protocol, validated.
///
/// ```
/// # use std::time::Duration;
/// # use ayt_core::detectors::Terms;
/// let terms = Terms::new(Duration::from_secs(30), 2, Duration::from_secs(5))?;
/// assert_eq!(terms.overdue(), Duration::from_secs(60));
/// assert_eq!(terms.detection(), Duration::from_secs(65));
/// # Ok::<(), ayt_core::detectors::BadTerms>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    interval: Nanos,
    lateness: Nanos,
    challenge: Micros,
    misses: u8,
    one_way: bool,
}

impl Terms {
    /// Terms with a peer that promised to send something at least every
    /// `interval` (1 ms to 24 h), is suspected after `misses` of them (1 to 10)
    /// without a byte, and then has `challenge` (0 to 1 h, rounded up to microseconds) to
    /// answer.
    ///
    /// # Errors
    /// Names the field that is out of range.
    pub const fn new(
        interval: Duration,
        misses: u8,
        challenge: Duration,
    ) -> Result<Self, BadTerms> {
        if interval.as_nanos() < LEAST_INTERVAL.as_nanos()
            || interval.as_nanos() > MOST_INTERVAL.as_nanos()
        {
            return Err(BadTerms::Interval(interval));
        }
        if misses == 0 || misses > MOST_MISSES {
            return Err(BadTerms::Misses(misses));
        }
        if challenge.as_nanos() > MOST_CHALLENGE.as_nanos() {
            return Err(BadTerms::Challenge(challenge));
        }
        Ok(Self {
            interval: Nanos::new(interval),
            misses,
            challenge: Micros::new(challenge),
            lateness: Nanos::new(interval),
            one_way: false,
        })
    }

    /// The same with a peer that cannot be asked (a heartbeat that wants no answer; the
    /// *one-way* flag of HELLO): the challenge time is merely waited, and nobody is
    /// told to ask. Detection takes exactly as long.
    #[must_use]
    pub const fn one_way(self) -> Self {
        Self {
            one_way: true,
            ..self
        }
    }

    /// The same with another bound of lateness: a poll that comes later than its
    /// deadline by more than this judges nothing. The default is the interval, as
    /// the protocol has it: then an own delay never swallows more than one beat.
    #[must_use]
    pub const fn with_lateness(self, lateness: Duration) -> Self {
        Self {
            lateness: Nanos::new(lateness),
            ..self
        }
    }

    /// B: the longest silence the peer has promised to keep.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval.get()
    }

    /// M: silences in a row before suspicion.
    #[must_use]
    pub const fn misses(&self) -> u8 {
        self.misses
    }

    /// C: time to answer.
    #[must_use]
    pub const fn challenge(&self) -> Duration {
        self.challenge.get()
    }

    /// How late a poll may be and still judge.
    #[must_use]
    pub const fn lateness(&self) -> Duration {
        self.lateness.get()
    }

    /// The peer cannot be asked.
    #[must_use]
    pub const fn is_one_way(&self) -> bool {
        self.one_way
    }

    /// B·M: the silence after which a peer is overdue.
    #[must_use]
    pub const fn overdue(&self) -> Duration {
        self.interval().saturating_mul(self.misses as u32)
    }

    /// B·M + C: the longest time for which a death stays unnoticed, own lateness
    /// apart.
    #[must_use]
    pub const fn detection(&self) -> Duration {
        self.overdue().saturating_add(self.challenge())
    }
}

/// What is wrong with terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTerms {
    /// The interval is out of range.
    #[error("heartbeat interval {0:?} is out of range 1ms..=24h; a shorter one is no heartbeat")]
    Interval(Duration),
    /// The misses are out of range.
    #[error("{0} missed heartbeats are out of range 1..=10")]
    Misses(u8),
    /// The challenge time is out of range.
    #[error("challenge time {0:?} is out of range 0s..=1h")]
    Challenge(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const NS: Duration = Duration::from_nanos(1);

    #[test]
    fn ranges_are_inclusive_and_errors_name_the_field() {
        for interval in [LEAST_INTERVAL, MOST_INTERVAL] {
            assert!(Terms::new(interval, 1, S).is_ok());
        }
        for interval in [
            Duration::ZERO,
            LEAST_INTERVAL - NS,
            MOST_INTERVAL + NS,
            Duration::MAX,
        ] {
            assert_eq!(
                Terms::new(interval, 1, S),
                Err(BadTerms::Interval(interval))
            );
        }
        for misses in 0..=u8::MAX {
            assert_eq!(Terms::new(S, misses, S).is_ok(), (1..=10).contains(&misses));
        }
        assert!(Terms::new(S, 1, Duration::ZERO).is_ok());
        assert!(Terms::new(S, 1, MOST_CHALLENGE).is_ok());
        assert_eq!(
            Terms::new(S, 1, Duration::MAX),
            Err(BadTerms::Challenge(Duration::MAX))
        );
        let text = Terms::new(S, 11, S).unwrap_err().to_string();
        assert_eq!(text, "11 missed heartbeats are out of range 1..=10");
    }

    #[test]
    fn the_defaults_of_the_protocol_take_65_seconds() {
        let terms = Terms::new(30 * S, 2, 5 * S).unwrap();
        assert_eq!((terms.overdue(), terms.detection()), (60 * S, 65 * S));
        assert_eq!(terms.lateness(), 30 * S);
        assert_eq!(terms.one_way().detection(), 65 * S);
        assert!(!terms.is_one_way() && terms.one_way().is_one_way());
    }
}
