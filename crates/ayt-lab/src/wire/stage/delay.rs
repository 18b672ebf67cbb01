//! A path that takes time, and not always the same.

use std::time::Duration;

use super::dice::Dice;
use super::{Stage, Verdict, Ways};
use crate::packet::{Direction, Packet};

/// Holds each packet for `base` and up to `jitter` more, evenly spread and seeded.
///
/// Packets keep their order, as in a queue: one that would overtake waits for the
/// one before it. [`Reorder`](super::Reorder) is what changes the order.
#[derive(Debug, Clone)]
pub struct Delay {
    ways: Ways,
    base: Duration,
    jitter: Duration,
    dice: Dice,
    last: [Duration; 2],
}

impl Delay {
    /// Always the same.
    #[must_use]
    pub const fn fixed(ways: Ways, base: Duration) -> Self {
        Self::jittered(ways, base, Duration::ZERO, 0)
    }

    /// Between `base` and `base` + `jitter`.
    #[must_use]
    pub const fn jittered(ways: Ways, base: Duration, jitter: Duration, seed: u64) -> Self {
        Self {
            ways,
            base,
            jitter,
            dice: Dice::of("delay", seed),
            last: [Duration::ZERO; 2],
        }
    }
}

impl Stage for Delay {
    fn name(&self) -> &'static str {
        "delay"
    }

    fn pass(&mut self, now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        if !self.ways.has(direction) {
            return Verdict::Pass;
        }
        let more = if self.jitter.is_zero() {
            Duration::ZERO
        } else {
            let unit = self.dice.of_packet(packet).unwrap_or_default();
            self.jitter.mul_f64(unit)
        };
        let last = &mut self.last[direction.index()];
        *last = (*last).max(now + self.base + more);
        Verdict::Hold { until: *last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample::packet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_within_its_bounds_in_order_and_repeatable(
            seed: u64,
            base in 0u64..1000,
            jitter in 0u64..1000,
            gaps in proptest::collection::vec(0u64..500, 1..40),
        ) {
            let ms = Duration::from_millis;
            let make = || Delay::jittered(Ways::Both, ms(base), ms(jitter), seed);
            let (mut delay, mut again) = (make(), make());
            let mut now = Duration::ZERO;
            let (mut last, mut last_sent) = (Duration::ZERO, Duration::ZERO);
            for gap in gaps {
                now += ms(gap);
                let mut sent = packet(Direction::AtoB, ".", 1, b"");
                let verdict = delay.pass(now, Direction::AtoB, &mut sent);
                prop_assert_eq!(&verdict, &again.pass(now, Direction::AtoB, &mut sent));
                let Verdict::Hold { until } = verdict else {
                    panic!("{verdict:?}");
                };
                prop_assert!(until >= now + ms(base));
                // At most its own jitter, or that of one before it.
                prop_assert!(until <= now.max(last_sent) + ms(base + jitter));
                prop_assert!(until >= last);
                (last, last_sent) = (until, now);
            }
        }
    }
}
