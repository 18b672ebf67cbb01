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
#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) beat: Option<Nanos>,
    rare: Option<Box<Rare>>,
}

/// Those that an idle connection has not.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) ask: Option<Nanos>,
    pub(super) finish: Option<Nanos>,
    pub(super) drain: Option<Nanos>,
    /// The drain timer was late once: it has been given its second time.
    pub(super) drain_was_late: bool,
}

impl Set {
    /// To set one that is rare.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn ask(&self) -> Option<Nanos> {
        self.rare.as_ref()?.ask
    }

    pub(super) fn finish(&self) -> Option<Nanos> {
        self.rare.as_ref()?.finish
    }

    pub(super) fn drain(&self) -> Option<Nanos> {
        self.rare.as_ref()?.drain
    }

    pub(super) fn drain_was_late(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.drain_was_late)
    }

    pub(super) fn take_ask(&mut self) -> Option<Nanos> {
        self.rare.as_mut()?.ask.take()
    }

    /// Gives back the memory of those that are not set any more.
    pub(super) fn rest(&mut self) {
        self.rare
            .take_if(|rare| [rare.ask, rare.finish, rare.drain] == [None; 3]);
    }
}
