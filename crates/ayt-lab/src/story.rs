//! What programs did and saw, beside what the wire's log knows of packets.

use std::time::Duration;

use crate::packet::Side;

/// Something that a program did or saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// When.
    pub at: Duration,
    /// On which side; `None`: on neither, such as a change of the wire.
    pub side: Option<Side>,
    /// What, such as `read: ETIMEDOUT`.
    pub text: String,
}

impl From<(Duration, String)> for Event {
    fn from((at, text): (Duration, String)) -> Self {
        let side = None;
        Self { at, side, text }
    }
}

impl From<(Duration, Side, String)> for Event {
    fn from((at, side, text): (Duration, Side, String)) -> Self {
        let side = Some(side);
        Self { at, side, text }
    }
}
