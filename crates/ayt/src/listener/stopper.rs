//! Stopping a listener, and waiting for its connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::bounds::{Places, Stats};
use crate::cause::Cause;

/// Stops a [`Listener`](super::Listener) from elsewhere. All clones are the same.
#[derive(Debug, Clone)]
pub struct Stopper {
    stop: Arc<watch::Sender<bool>>,
    places: Arc<Places>,
}

impl Stopper {
    pub(super) fn new(places: Arc<Places>) -> Self {
        Self {
            stop: Arc::new(watch::Sender::new(false)),
            places,
        }
    }

    /// No more connections are accepted. Those that are there live on; those that
    /// wait in the kernel's queue are reset when the listener is dropped.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for [`Stopper::stop`]: for `with_graceful_shutdown` of axum and tonic,
    /// and for tasks that are to finish what they do.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn stopped(&self) {
        // The sender is in this value, so the wait can only end well.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// What the listener has done so far, and holds now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.places.stats()
    }

    /// Stops, waits until no connection is left, at most for `within`, and ends
    /// the rest with [`Cause::LocalClose`]: their reads and writes fail, and their
    /// owners drop them. Returns how many had to be ended so.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped early, nothing is ended by force.
    pub async fn stop_within(&self, within: Duration) -> usize {
        self.stop();
        let none_left = async {
            loop {
                let mut changed = std::pin::pin!(self.places.changed.notified());
                // Before looking, so that no change is missed in between.
                changed.as_mut().enable();
                if self.places.stats().live == 0 {
                    return;
                }
                changed.await;
            }
        };
        match timeout(within, none_left).await {
            Ok(()) => 0,
            Err(_) => self.places.end_all(Cause::LocalClose),
        }
    }
}
