//! When a death is found, and what silence a connection survives.

use std::fmt;
use std::time::Duration;

use crate::duration::Ms;

/// A stretch of time: not before `earliest`, not after `latest`. A busy machine
/// adds what it takes to run the kernel's timer and to wake the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Not before.
    pub earliest: Duration,
    /// Not after.
    pub latest: Duration,
}

impl Span {
    /// `true` if `time` lies within, ends included.
    #[must_use]
    pub fn contains(&self, time: Duration) -> bool {
        (self.earliest..=self.latest).contains(&time)
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            earliest: self.earliest.min(other.earliest),
            latest: self.latest.max(other.latest),
        }
    }
}

/// Whether, and when, a death is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    /// Within this span.
    Within(Span),
    /// Not before this. How much later is not known to us, for this reason.
    NotBefore {
        /// From the system's source or manual.
        earliest: Duration,
        /// What is not known.
        why: &'static str,
    },
    /// Never, for this reason.
    Never(&'static str),
    /// Not known to us, for this reason.
    Unknown(&'static str),
}

impl Found {
    /// The span, where both its ends are known.
    #[must_use]
    pub const fn span(&self) -> Option<Span> {
        match *self {
            Self::Within(span) => Some(span),
            _ => None,
        }
    }

    /// Not before this, where that is known.
    #[must_use]
    pub const fn earliest(&self) -> Option<Duration> {
        match *self {
            Self::Within(span) => Some(span.earliest),
            Self::NotBefore { earliest, .. } => Some(earliest),
            _ => None,
        }
    }
}

/// Writes `120s–124s`, `not before 120s (…)`, `never (…)` or `unknown (…)`.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(span) => {
                write!(f, "{}–{}", Ms::from(span.earliest), Ms::from(span.latest))
            }
            Self::NotBefore { earliest, why } => {
                write!(f, "not before {} ({why})", Ms::from(*earliest))
            }
            Self::Never(why) => write!(f, "never ({why})"),
            Self::Unknown(why) => write!(f, "unknown ({why})"),
        }
    }
}

/// When the death of a peer that vanished without a word is found.
///
/// Two paths, because keepalive sleeps while data is in flight: then the
/// retransmissions decide, and where there is no user timeout that takes a
/// quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Detection {
    /// Nothing is in flight: counted from the last byte (or acknowledgement)
    /// received.
    pub idle: Found,
    /// Data was sent and is never acknowledged: counted from that `send`, on a
    /// connection with nothing else in flight.
    pub in_flight: Found,
}

/// A duration that is known, or not known for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// At least this.
    AtLeast(Duration),
    /// Not known to us, for this reason.
    Unknown(&'static str),
}

impl Bound {
    /// The duration, where it is known.
    #[must_use]
    pub const fn known(&self) -> Option<Duration> {
        match *self {
            Self::AtLeast(duration) => Some(duration),
            Self::Unknown(_) => None,
        }
    }
}

/// The shortest outage that can kill a healthy connection: every shorter one is
/// survived, wherever it begins, if the network heals within a round trip.
///
/// It is shorter than the time to detect: an idle connection dies of N lost
/// probes, which are N − 1 intervals apart, however long it was idle before. With
/// N = 1 a single lost packet kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outage {
    /// Nothing is in flight.
    pub idle: Bound,
    /// Data is sent as the outage begins.
    pub in_flight: Bound,
}

/// How many segments in a row must be lost, each or its answer, for a healthy
/// connection to end. `None` = not known to us, or it never ends by losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Losses {
    /// Keepalive probes.
    pub idle: Option<u32>,
    /// Transmissions of the same data, the first included; at least this many.
    pub in_flight: Option<u32>,
}
