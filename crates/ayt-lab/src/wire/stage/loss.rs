//! Random loss, seeded.

use std::time::Duration;

use super::dice::Dice;
use super::{Stage, Verdict, Ways};
use crate::packet::{Direction, Packet};

/// Loses each packet with a probability, independently of the others.
#[derive(Debug, Clone)]
pub struct Loss {
    ways: Ways,
    rate: f64,
    dice: Dice,
}

impl Loss {
    /// Loses this part of the packets: 0 none, 1 all; what is outside is taken for
    /// the nearer of both, and no number for 0.
    #[must_use]
    pub const fn new(ways: Ways, rate: f64, seed: u64) -> Self {
        Self {
            ways,
            rate,
            dice: Dice::of("loss", seed),
        }
    }
}

impl Stage for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn pass(&mut self, _now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        if !self.ways.has(direction) {
            return Verdict::Pass;
        }
        let lost = match self.dice.of_packet(packet) {
            Some(unit) => unit < self.rate,
            None => self.rate >= 1.0,
        };
        if lost {
            Verdict::Drop { why: "loss" }
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample::packet;
    use proptest::prelude::*;

    fn lost(rate: f64, seed: u64, count: usize) -> Vec<bool> {
        let mut loss = Loss::new(Ways::Only(Direction::AtoB), rate, seed);
        let mut sent = packet(Direction::AtoB, ".", 1, b"");
        let mut back = packet(Direction::BtoA, ".", 1, b"");
        let mut fate = |_| {
            let other = loss.pass(Duration::ZERO, Direction::BtoA, &mut back);
            assert_eq!(other, Verdict::Pass);
            loss.pass(Duration::ZERO, Direction::AtoB, &mut sent) != Verdict::Pass
        };
        (0..count).map(&mut fate).collect()
    }

    #[test]
    fn none_and_all_are_exact() {
        assert!(lost(0.0, 7, 1000).iter().all(|lost| !lost));
        assert!(lost(1.0, 7, 1000).iter().all(|lost| *lost));
        assert!(lost(f64::NAN, 7, 1000).iter().all(|lost| !lost));
    }

    /// Whatever a kernel says in between.
    #[test]
    fn housekeeping_takes_no_roll() {
        let fates = |chatty: bool| -> Vec<Verdict> {
            let mut loss = Loss::new(Ways::Both, 0.5, 9);
            let mut sent = packet(Direction::AtoB, ".", 1, b"");
            let mut pass = |packet: &mut Packet| loss.pass(Duration::ZERO, Direction::AtoB, packet);
            let mut one = |_| {
                if chatty {
                    assert_eq!(pass(&mut router_solicitation()), Verdict::Pass);
                }
                pass(&mut sent)
            };
            (0..100).map(&mut one).collect()
        };
        assert_eq!(fates(true), fates(false));
        let mut all = Loss::new(Ways::Both, 1.0, 9);
        let lost = all.pass(Duration::ZERO, Direction::AtoB, &mut router_solicitation());
        assert_ne!(lost, Verdict::Pass);
    }

    /// RFC 4861 4.1, to all routers.
    fn router_solicitation() -> Packet {
        let to = std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2).octets();
        let from = std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).octets();
        let mut bytes = Vec::new();
        etherparse::PacketBuilder::ipv6(from, to, 255)
            .icmpv6_raw(133, 0, [0; 4])
            .write(&mut bytes, &[])
            .unwrap();
        Packet::parse(bytes, Direction::AtoB, Duration::ZERO).unwrap()
    }

    proptest! {
        #[test]
        fn the_same_seed_loses_the_same(seed: u64, rate in 0.0f64..1.0) {
            prop_assert_eq!(lost(rate, seed, 50), lost(rate, seed, 50));
        }

        #[test]
        fn the_rate_is_met(seed: u64, rate in 0.0f64..1.0) {
            let count = 4000;
            let found = lost(rate, seed, count).iter().filter(|lost| **lost).count() as f64;
            // Six standard deviations.
            let slack = 6.0 * (rate * (1.0 - rate) * count as f64).sqrt() + 1.0;
            prop_assert!((found - rate * count as f64).abs() <= slack, "{found}");
        }
    }
}
