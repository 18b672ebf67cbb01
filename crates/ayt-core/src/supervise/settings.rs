//! How a supervisor works, and what it answers.

use std::time::Duration;

#[cfg(doc)]
use super::Supervisor;
use super::wheel::Wheel;

/// How a supervisor works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How exact expiry is: 1 ms to 10 s, rounded up to whole milliseconds. 100 ms
    /// by default, a fiftieth of the protocol's challenge time of 5 s.
    pub tick: Duration,
    /// How late a call may be and still judge. 1 s by default, the least interval a
    /// server of the protocol asks for.
    pub lateness: Duration,
    /// Turns in one call of [`Supervisor::advance`], at least 1; 65,536 by default,
    /// a millisecond or two of work.
    pub batch: usize,
    /// Sessions at most, up to 268,435,456 (the default).
    pub most: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(100),
            lateness: Duration::from_secs(1),
            batch: 65_536,
            most: Wheel::MOST as usize,
        }
    }
}

impl Settings {
    /// The settings for sessions whose shortest interval this is: a tick of 10 ms
    /// where it is below 2 s, else of 100 ms.
    #[must_use]
    pub fn for_interval(shortest: Duration) -> Self {
        let fine = shortest < Duration::from_secs(2);
        Self {
            tick: Duration::from_millis(if fine { 10 } else { 100 }),
            ..Self::default()
        }
    }
}

/// What is said of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overdue {
    /// B·M without a byte: ask it now. Said once for each silence, and never where
    /// the terms are one-way.
    Suspect,
    /// It has had its time. It is not looked at any more: [`Supervisor::remove`] it,
    /// or [`Supervisor::resume`] it if it turns out to live.
    Silent,
}

/// What an [`Supervisor::advance`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advanced {
    /// Calls came so much too late, in sum: nothing was judged by that gap, and all
    /// silences began anew. Noticed now, or by another call since the last advance.
    pub late: Option<Duration>,
    /// The batch was full: call again, after a look at other work.
    pub more: bool,
}

/// There are as many sessions as [`Settings::most`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "supervising {most} sessions already, the most that were allowed; refuse this one, or raise `most`"
)]
pub struct Full {
    /// The limit.
    pub most: usize,
}
