//! Exactly the packets that are named are lost.

use std::fmt;
use std::time::Duration;

use super::{Recogniser, Segment, Stage, Verdict};
use crate::packet::{Direction, Packet};

/// Loses the packets that a predicate picks: all of them, or the n-th and no other.
pub struct Pick {
    name: &'static str,
    picks: Box<dyn FnMut(&Packet) -> bool + Send>,
    which: Which,
    met: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Nth(u64),
}

impl Pick {
    /// Loses every packet that is picked; `name` is what the log says.
    pub fn all(name: &'static str, picks: impl FnMut(&Packet) -> bool + Send + 'static) -> Self {
        Self {
            name,
            picks: Box::new(picks),
            which: Which::All,
            met: 0,
        }
    }

    /// Loses the n-th packet that is picked, from 1 on, and no other.
    pub fn nth(
        n: u64,
        name: &'static str,
        picks: impl FnMut(&Packet) -> bool + Send + 'static,
    ) -> Self {
        Self {
            which: Which::Nth(n),
            ..Self::all(name, picks)
        }
    }

    /// Loses the n-th segment of a kind, from 1 on, and no other: the stage must be
    /// there from the start of the connection for those that depend on its past
    /// (see [`Segment`]).
    #[must_use]
    pub fn segment(n: u64, segment: Segment) -> Self {
        let mut recogniser = Recogniser::default();
        Self::nth(n, segment.name(), move |packet| {
            recogniser.kinds(packet).has(segment)
        })
    }
}

impl Stage for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn pass(&mut self, _now: Duration, _direction: Direction, packet: &mut Packet) -> Verdict {
        // Asked about every packet: it may keep count of more than it picks.
        if !(self.picks)(packet) {
            return Verdict::Pass;
        }
        self.met += 1;
        match self.which {
            Which::Nth(n) if n != self.met => Verdict::Pass,
            Which::All | Which::Nth(_) => Verdict::Drop { why: self.name },
        }
    }
}

impl fmt::Debug for Pick {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pick")
            .field("name", &self.name)
            .field("which", &self.which)
            .field("met", &self.met)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample::packet;

    #[test]
    fn the_nth_and_no_other() {
        let mut pick = Pick::nth(2, "data", |packet| {
            packet.tcp().is_some_and(|t| t.payload > 0)
        });
        let mut fates = Vec::new();
        for data in [&b""[..], b"x", b"", b"x", b"x"] {
            let mut packet = packet(Direction::AtoB, ".", 1, data);
            fates.push(pick.pass(Duration::ZERO, Direction::AtoB, &mut packet));
        }
        let dropped = Verdict::Drop { why: "data" };
        let lost: Vec<bool> = fates.iter().map(|fate| *fate == dropped).collect();
        assert_eq!(lost, [false, false, false, true, false]);
    }
}
