//! Silence that ends by itself.

use std::time::Duration;

use super::{Stage, Verdict, Ways};
use crate::packet::{Direction, Packet};

/// Loses everything from one time until another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    ways: Ways,
    from: Duration,
    until: Duration,
}

impl Outage {
    /// From `from` (a packet at that very time is lost) until `until` (one then passes).
    #[must_use]
    pub const fn new(ways: Ways, from: Duration, until: Duration) -> Self {
        Self { ways, from, until }
    }
}

impl Stage for Outage {
    fn name(&self) -> &'static str {
        "outage"
    }

    fn pass(&mut self, now: Duration, direction: Direction, _packet: &mut Packet) -> Verdict {
        if self.ways.has(direction) && (self.from..self.until).contains(&now) {
            Verdict::Drop { why: "outage" }
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
    fn it_begins_and_ends_on_the_nanosecond() {
        let (from, until) = (Duration::from_secs(1), Duration::from_secs(2));
        let tick = Duration::from_nanos(1);
        let mut outage = Outage::new(Ways::Both, from, until);
        for (now, passes) in [
            (from - tick, true),
            (from, false),
            (until - tick, false),
            (until, true),
        ] {
            let mut packet = packet(Direction::AtoB, ".", 1, b"");
            let verdict = outage.pass(now, Direction::AtoB, &mut packet);
            assert_eq!(verdict == Verdict::Pass, passes, "{now:?}");
        }
    }
}
