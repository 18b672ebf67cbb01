//! What arrives: the same for all who are measured.

use std::time::Duration;

/// The tick of the wheel, and how often everybody looks for what is due.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// Terms: 30 s, two misses, 5 s. The protocol's defaults.
pub(crate) const INTERVAL: Duration = Duration::from_secs(30);
pub(crate) const MISSES: u8 = 2;
pub(crate) const CHALLENGE: Duration = Duration::from_secs(5);
/// What every peer here is given: B·M.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Ticks until everything has had its turn once.
pub(crate) const WARM: usize = 600;
/// On the average a session is heard once in so many ticks: every 10 s.
const EVERY: usize = 100;

/// Uniformly random sessions, tick by tick; none twice within one, so that a wake-up
/// is a chunk also where two of them would be one.
#[derive(Debug)]
pub(crate) struct Load {
    sessions: usize,
    random: Random,
    stamps: Vec<u32>,
    tick: u32,
}

impl Load {
    pub(crate) fn new(sessions: usize, seed: u64) -> Self {
        Self {
            sessions,
            random: Random(seed | 1),
            stamps: vec![0; sessions],
            tick: 0,
        }
    }

    /// The next `ticks` ticks, one list of sessions each.
    pub(crate) fn ticks(&mut self, ticks: usize) -> Vec<Vec<u32>> {
        (0..ticks).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Vec<u32> {
        self.tick += 1;
        let mut picks = Vec::with_capacity(self.sessions / EVERY);
        while picks.len() < self.sessions / EVERY {
            let pick = self.random.below(self.sessions);
            if std::mem::replace(&mut self.stamps[pick], self.tick) != self.tick {
                picks.push(pick as u32);
            }
        }
        picks
    }
}

/// xorshift64*: no cryptography, no crate.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        ((word * end as u64) >> 32) as usize
    }
}
