//! Reproducible random numbers.

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
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
}

/// A message of that number: 1 to 400 characters without a line's end.
pub(crate) fn message(number: u64, salt: u64) -> String {
    let mut rng = Rng(number ^ salt << 32);
    let length = rng.between(0, 390) as usize;
    let mut text = format!("{number}:");
    while text.len() < length {
        text.push(char::from(b'a' + rng.between(0, 25) as u8));
    }
    text
}
