//! What a search asks of its program, and what it is told of a spare.

use std::time::Duration;

#[cfg(doc)]
use super::Adaptive;

/// What the program is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Close the spare there may be, open a new one, and call
    /// [`Adaptive::spare_opened`] or [`Adaptive::spare_lost`]. Said once.
    OpenSpare,
    /// Send SILENCE with so many milliseconds on the spare, and nothing more; then
    /// [`Adaptive::spoke`] when SPEAK comes. Said once.
    Silence(u32),
    /// Ask on the real connection (PING), and call [`Adaptive::real_answered`] or
    /// [`Adaptive::real_silent`]. Said once.
    AskReal,
    /// Nothing until then, unless there is an input.
    Wait(Duration),
    /// The search is over: this is the interval. Close the spare.
    Stable(Duration),
}

/// Why a spare connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpareLost {
    /// It was reset, or closed without a word: the silence may explain it.
    Ended,
    /// The server refused it or said BYE, and when to come back at the soonest.
    Refused(Duration),
    /// It could not be opened.
    NotOpened,
    /// This side's own network went away, or this side closed it.
    Local,
}
