//! Silence: packets are lost, and nobody is told.

use std::time::Duration;

use super::{Stage, Verdict, Ways};
use crate::packet::{Direction, Packet};

/// Loses everything, both ways or one.
///
/// What is under way beyond it still arrives: for a cable that is pulled, with all
/// that is in it, see [`Wire::cut`](crate::Wire::cut).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    ways: Ways,
}

impl Cut {
    /// Both ways.
    #[must_use]
    pub const fn both() -> Self {
        Self { ways: Ways::Both }
    }

    /// One way; the other still works.
    #[must_use]
    pub const fn one_way(direction: Direction) -> Self {
        Self {
            ways: Ways::Only(direction),
        }
    }
}

impl Stage for Cut {
    fn name(&self) -> &'static str {
        "cut"
    }

    fn pass(&mut self, _now: Duration, direction: Direction, _packet: &mut Packet) -> Verdict {
        if self.ways.has(direction) {
            Verdict::Drop { why: "cut" }
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample::packet;

    #[test]
    fn one_way_is_one_way() {
        let mut cut = Cut::one_way(Direction::BtoA);
        for (direction, passes) in [(Direction::AtoB, true), (Direction::BtoA, false)] {
            let verdict = cut.pass(
                Duration::ZERO,
                direction,
                &mut packet(direction, ".", 1, b""),
            );
            assert_eq!(verdict == Verdict::Pass, passes, "{direction:?}");
        }
    }
}
