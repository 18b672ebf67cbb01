//! The timers of one connection.

use crate::compact::Nanos;

/// Every timer a connection owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// When to judge the peer's silence: the detector's own deadline.
    Detect,
    /// When to send a heartbeat, because nothing else was sent for nearly as long
    /// as this side has promised.
    Beat,
    /// When to acknowledge what has been handed over, because no more of it came
    /// together.
    Acknowledge,
    /// When to stop waiting for the answer to [`ask`](super::Link::ask).
    Ask,
    /// When to say BYE although not everything has been acknowledged.
    Finish,
    /// When to stop reading what the peer still had in flight, and close.
    Drain,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 6] = [
        Self::Detect,
        Self::Beat,
        Self::Acknowledge,
        Self::Ask,
        Self::Finish,
        Self::Drain,
    ];
}

/// The timers that the link sets itself; [`Timer::Detect`] belongs to the
/// detector and [`Timer::Acknowledge`] to the traffic.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Set {
    pub(super) beat: Option<Nanos>,
    pub(super) ask: Option<Nanos>,
    pub(super) finish: Option<Nanos>,
    pub(super) drain: Option<Nanos>,
    /// The drain timer was late once: it has been given its second time.
    pub(super) drain_was_late: bool,
}
