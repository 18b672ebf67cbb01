//! Reproducible random numbers, and the seeds of a test.

use std::time::Duration;

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub(crate) const fn ms(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub(crate) const fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// Runs a test for so many seeds, or for the one that `AYT_SEED` names.
pub(crate) fn for_each_seed(count: u64, run: impl Fn(u64)) {
    struct Names(u64);
    impl Drop for Names {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let seed = self.0;
                let _ = std::io::Write::write_fmt(
                    &mut std::io::stderr(),
                    format_args!("failed with AYT_SEED={seed}\n"),
                );
            }
        }
    }
    let chosen = std::env::var("AYT_SEED").ok().map(|text| {
        text.parse()
            .expect("AYT_SEED is the number of the seed that a failure named")
    });
    let seeds = chosen.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        let names = Names(seed);
        run(seed);
        drop(names);
    }
}
