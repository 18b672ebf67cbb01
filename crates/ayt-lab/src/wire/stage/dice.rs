//! Seeded dice: the n-th roll of a direction depends on the seed and on n alone,
//! not on what the other direction did meanwhile.

use crate::packet::{Direction, Packet};

/// Dice of one stage.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    states: [u64; 2],
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// Dice of a kind of stage: two kinds with the same seed roll differently.
    pub(super) const fn of(stage: &str, seed: u64) -> Self {
        let mut salt = 0;
        let mut at = 0;
        while at < stage.len() {
            salt = mix(salt ^ stage.as_bytes()[at] as u64 ^ STEP);
            at += 1;
        }
        Self::new(seed ^ salt)
    }

    const fn new(seed: u64) -> Self {
        Self {
            // Far apart in the one sequence that all seeds share.
            states: [seed, mix(seed ^ 0x6179_7420_6c61_6221)],
        }
    }

    /// A number in [0, 1) for a packet. What a kernel sends by itself comes when its
    /// timers say, on a slow machine among other packets than on a fast one: it takes
    /// no roll from them, and has none.
    pub(super) fn of_packet(&mut self, packet: &Packet) -> Option<f64> {
        let rolls = !packet.summary().is_housekeeping();
        rolls.then(|| self.unit(packet.direction()))
    }

    /// A number in [0, 1).
    fn unit(&mut self, direction: Direction) -> f64 {
        // 53 bits are what an f64 holds.
        (self.next(direction) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): a counter and a finaliser.
    fn next(&mut self, direction: Direction) -> u64 {
        let state = &mut self.states[direction.index()];
        *state = state.wrapping_add(STEP);
        mix(*state)
    }
}

const fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut dice = Dice::new(1_234_567);
        let rolls: Vec<u64> = (0..3).map(|_| dice.next(Direction::AtoB)).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(rolls, published);
    }

    #[test]
    fn two_kinds_with_one_seed_roll_differently() {
        let roll = |stage| Dice::of(stage, 7).next(Direction::AtoB);
        assert_ne!(roll("loss"), roll("delay"));
        assert_eq!(roll("loss"), roll("loss"));
    }

    proptest! {
        #[test]
        fn a_direction_does_not_hear_of_the_other(seed: u64, between in 0usize..20) {
            let (mut alone, mut busy) = (Dice::new(seed), Dice::new(seed));
            for _ in 0..10 {
                for _ in 0..between {
                    busy.unit(Direction::BtoA);
                }
                let roll = busy.unit(Direction::AtoB);
                prop_assert_eq!(roll.to_bits(), alone.unit(Direction::AtoB).to_bits());
                prop_assert!((0.0..1.0).contains(&roll));
            }
        }
    }
}
