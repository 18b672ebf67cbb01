//! Bytes that have come in below what decrypts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts the bytes of the transport where a session runs over TLS. Bytes are life
/// (docs/protocol.md, "Heartbeats"), and a record that is half here gives none to the
/// session yet. Counts nothing by default: then what is read is all there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Below(Option<Arc<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    came: AtomicU64,
    /// How many were told already.
    told: AtomicU64,
}

impl Below {
    /// One that counts; its clones share the count.
    #[cfg(feature = "tls")]
    pub(crate) fn counting() -> Self {
        Self(Some(Arc::default()))
    }

    /// So many came.
    #[cfg(feature = "tls")]
    pub(crate) fn came(&self, bytes: usize) {
        if let Some(counts) = &self.0 {
            counts.came.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// How many have come since it was asked last.
    pub(super) fn news(&mut self) -> usize {
        let Some(counts) = &self.0 else { return 0 };
        let now = counts.came.load(Relaxed);
        let before = counts.told.swap(now, Relaxed);
        usize::try_from(now - before).unwrap_or(usize::MAX)
    }
}
