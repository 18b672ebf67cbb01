//! Bytes that have come in below what decrypts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts the bytes of the transport where a session runs over TLS. Bytes are life
/// (docs/protocol.md, "Heartbeats"), and a record that is half here gives none to the
/// session yet. Counts nothing by default: then what is read is all there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Below {
    count: Option<Arc<AtomicU64>>,
    /// How many were told already, of this clone.
    told: u64,
}

impl Below {
    /// One that counts; its clones share the count.
    #[cfg(feature = "tls")]
    pub(crate) fn counting() -> Self {
        Self {
            count: Some(Arc::default()),
            told: 0,
        }
    }

    /// So many came.
    #[cfg(feature = "tls")]
    pub(crate) fn came(&self, bytes: usize) {
        if let Some(count) = &self.count {
            count.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// How many have come since it was asked last.
    pub(super) fn news(&mut self) -> usize {
        let Some(count) = &self.count else { return 0 };
        let now = count.load(Relaxed);
        usize::try_from(now - std::mem::replace(&mut self.told, now)).unwrap_or(usize::MAX)
    }
}
