//! Who owns an identity: one number, changed by compare and set.

use std::collections::HashMap;

use bytes::Bytes;

/// Where the epochs live. On one host that is [`Memory`]; on several, a store they
/// share whose compare-and-set is atomic. A driver whose store answers later does
/// its compare-and-set first and mirrors the result here.
pub trait EpochStore {
    /// The epoch of an identity; 0 where it has none.
    fn epoch(&self, identity: &[u8]) -> u64;

    /// Sets the epoch to `new` if it is `expected`.
    ///
    /// # Errors
    /// The epoch that it is; nothing has changed.
    fn compare_and_set(&mut self, identity: &Bytes, expected: u64, new: u64) -> Result<(), u64>;

    /// Nothing is kept for the identity any more. It has no effect where `epoch`
    /// is no longer the current one.
    fn forget(&mut self, identity: &[u8], epoch: u64);
}

/// The epochs of one host.
#[derive(Debug, Clone, Default)]
pub struct Memory(HashMap<Bytes, u64>);

impl EpochStore for Memory {
    fn epoch(&self, identity: &[u8]) -> u64 {
        self.0.get(identity).copied().unwrap_or(0)
    }

    fn compare_and_set(&mut self, identity: &Bytes, expected: u64, new: u64) -> Result<(), u64> {
        let current = self.epoch(identity);
        if current != expected {
            return Err(current);
        }
        self.0.insert(identity.clone(), new);
        Ok(())
    }

    fn forget(&mut self, identity: &[u8], epoch: u64) {
        if self.epoch(identity) == epoch {
            self.0.remove(identity);
        }
    }
}
