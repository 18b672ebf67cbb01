//! Packets that overtake each other, seeded.

use std::time::Duration;

use super::dice::Dice;
use super::{Stage, Verdict, Ways};
use crate::packet::{Direction, Packet};

/// Holds each packet, with a probability, for some time in which those behind it
/// go past.
#[derive(Debug, Clone)]
pub struct Reorder {
    ways: Ways,
    rate: f64,
    by: Duration,
    dice: Dice,
}

impl Reorder {
    /// Holds this part of the packets (0 to 1) for `by`.
    #[must_use]
    pub const fn new(ways: Ways, rate: f64, by: Duration, seed: u64) -> Self {
        Self {
            ways,
            rate,
            by,
            dice: Dice::of("reorder", seed),
        }
    }
}

impl Stage for Reorder {
    fn name(&self) -> &'static str {
        "reorder"
    }

    fn pass(&mut self, now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        let late = |unit: Option<f64>| unit.is_some_and(|unit| unit < self.rate);
        if self.ways.has(direction) && late(self.dice.of_packet(packet)) {
            Verdict::Hold {
                until: now + self.by,
            }
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Log, Room};
    use crate::packet::sample::segment;
    use crate::wire::chain::{Chain, Place};

    /// The sequence numbers of a hundred packets, a millisecond apart, as they come out.
    fn order(seed: u64) -> Vec<u32> {
        let mut chain = Chain::new();
        let by = Duration::from_micros(2500);
        chain.insert(Place::NextToA, Reorder::new(Ways::Both, 0.3, by, seed));
        let (mut log, mut out) = (Log::new(Room::default()), Vec::new());
        for seq in 0..100 {
            let at = Duration::from_millis(seq.into());
            let bytes = segment(Direction::AtoB, ".", seq, b"");
            let packet = Packet::parse(bytes, Direction::AtoB, at).unwrap();
            chain.arrive(packet, &mut log, &mut out);
        }
        chain.advance(Duration::from_secs(1), &mut log, &mut out);
        out.iter().map(|packet| packet.tcp().unwrap().seq).collect()
    }

    #[test]
    fn all_arrive_some_overtaken_by_a_few_and_repeatably() {
        let found = order(5);
        assert_eq!(found, order(5));
        assert_ne!(found, order(6));
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<u32>>());
        assert_ne!(found, sorted);
        for (at, seq) in found.iter().enumerate() {
            assert!((at as i64 - i64::from(*seq)).abs() <= 2, "{found:?}");
        }
    }
}
