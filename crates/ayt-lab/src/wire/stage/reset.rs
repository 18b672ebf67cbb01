//! A middlebox that answers with RST.

use std::time::Duration;

use super::{Stage, Verdict, Ways};
use crate::packet::{Direction, Packet, answer};

/// Loses packets and answers TCP segments with a RST in the name of the receiver;
/// whatever is not TCP, and RST itself, is lost in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reset {
    ways: Ways,
}

impl Reset {
    /// For packets going these ways.
    #[must_use]
    pub const fn new(ways: Ways) -> Self {
        Self { ways }
    }
}

impl Stage for Reset {
    fn name(&self) -> &'static str {
        "reset"
    }

    fn pass(&mut self, _now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        if !self.ways.has(direction) {
            return Verdict::Pass;
        }
        reset_or_drop(packet, "reset")
    }
}

/// Lost and answered with a RST where that is allowed.
pub(super) fn reset_or_drop(packet: &Packet, why: &'static str) -> Verdict {
    match answer::reset(packet.summary()) {
        Some(answer) => Verdict::Answer { why, answer },
        None => Verdict::Drop { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample::packet;

    #[test]
    fn a_segment_is_answered_and_a_reset_is_not() {
        let mut stage = Reset::new(Ways::Only(Direction::AtoB));
        let mut verdict = |direction, flags| {
            let mut packet = packet(direction, flags, 1, b"");
            stage.pass(Duration::ZERO, direction, &mut packet)
        };
        assert_eq!(verdict(Direction::BtoA, "."), Verdict::Pass);
        assert_eq!(
            verdict(Direction::AtoB, "R"),
            Verdict::Drop { why: "reset" }
        );
        assert!(matches!(
            verdict(Direction::AtoB, "."),
            Verdict::Answer { .. }
        ));
    }
}
