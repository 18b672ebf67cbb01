//! Random numbers: from the operating system, or in tests from a seed.

use std::io;

/// Where nonces and waits come from.
#[derive(Debug)]
pub(super) enum Random {
    /// The operating system's source.
    System,
    /// A seed, so that a test can be repeated.
    #[cfg(test)]
    Seeded(std::sync::atomic::AtomicU64),
}

impl Random {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Self::System => getrandom::fill(bytes).map_err(io::Error::from),
            #[cfg(test)]
            Self::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    // SplitMix64.
                    let step = 0x9e37_79b9_7f4a_7c15;
                    let order = std::sync::atomic::Ordering::Relaxed;
                    let mut z = state.fetch_add(step, order).wrapping_add(step);
                    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
                }
                Ok(())
            }
        }
    }

    /// A nonce. There is no substitute where the source fails: with a predictable
    /// nonce an old proof could be used again.
    pub(super) fn nonce(&self) -> io::Result<[u8; 16]> {
        let mut nonce = [0; 16];
        self.fill(&mut nonce)?;
        Ok(nonce)
    }

    /// The random part of a wait; the longest where the source fails.
    pub(super) fn wait(&self) -> u64 {
        let mut bits = [0; 8];
        self.fill(&mut bits)
            .map_or(u64::MAX, |()| u64::from_be_bytes(bits))
    }
}
