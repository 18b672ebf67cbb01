//! What a system could not do of a policy, and what it does instead.

use std::fmt;
use std::time::Duration;

use crate::duration::Ms;

/// One of the four settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// I, the idle time before the first probe.
    Idle,
    /// V, the interval between probes.
    Interval,
    /// N, the count of unanswered probes.
    Count,
    /// U, the longest time that sent data may stay unacknowledged.
    UserTimeout,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle time",
            Self::Interval => "interval",
            Self::Count => "count",
            Self::UserTimeout => "user timeout",
        })
    }
}

/// The value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// A time.
    Time(Duration),
    /// A number of probes.
    Probes(u32),
}

impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Self::Time(time)
    }
}

impl From<u32> for Value {
    fn from(probes: u32) -> Self {
        Self::Probes(probes)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Time(time) => Ms::from(time).fmt(f),
            Self::Probes(1) => f.pad("1 probe"),
            Self::Probes(probes) => write!(f, "{probes} probes"),
        }
    }
}

/// What a system does instead of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Instead {
    /// It takes this value: rounded up to its unit, or the end of its range.
    Takes(Value),
    /// It has a value that cannot be changed for one socket; this one, unless the
    /// administrator chose another.
    Keeps(Value),
    /// It has no such thing: nothing happens instead.
    Nothing,
    /// It was set, but cannot be read back.
    Unread,
}

/// One thing that a system could not do as asked. It is told as a value, so that
/// a caller can refuse it, log it or live with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Downgrade {
    /// What it is about.
    pub setting: Setting,
    /// What the policy asks for.
    pub asked: Value,
    /// What happens instead.
    pub instead: Instead,
    /// Why.
    pub why: &'static str,
}

/// Writes `count: 3 probes asked, keeps 10 probes: …`.
impl fmt::Display for Downgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} asked, ", self.setting, self.asked)?;
        match self.instead {
            Instead::Takes(value) => write!(f, "takes {value}")?,
            Instead::Keeps(value) => write!(f, "keeps {value}")?,
            Instead::Nothing => f.write_str("has none")?,
            Instead::Unread => f.write_str("set but not readable")?,
        }
        write!(f, ": {}", self.why)
    }
}
