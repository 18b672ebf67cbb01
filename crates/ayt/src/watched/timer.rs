//! One lazily re-armed timer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::shared::Shared;

/// Wakes reader and writer at a time, or earlier.
///
/// When the deadline moves away, the timer stays where it is; once it fires it is
/// set to what the deadline is by then. So a busy connection costs one timer
/// operation a period, not one a read.
#[derive(Debug)]
pub(super) struct Timer {
    origin: Instant,
    /// Made at the first wait: a connection that never waits has none.
    sleep: Option<Pin<Box<Sleep>>>,
    at: Duration,
    waker: Waker,
    /// Timer operations so far.
    operations: u64,
}

impl Timer {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            origin: Instant::now(),
            sleep: None,
            at: Duration::ZERO,
            waker: Waker::from(Arc::clone(shared)),
            operations: 0,
        }
    }

    /// Time since the connection was first watched.
    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    #[cfg(test)]
    #[cfg(not(ayt_explore))]
    pub(super) const fn operations(&self) -> u64 {
        self.operations
    }

    /// Ready once the timer has fired at or before `deadline`; the caller then
    /// compares clocks itself. Pending: the waiters will be woken.
    pub(super) fn poll_until(&mut self, deadline: Duration) -> Poll<()> {
        // Centuries from now is never; `Instant` would overflow.
        let Some(instant) = self.origin.checked_add(deadline) else {
            return Poll::Pending;
        };
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if deadline < self.at || sleep.is_elapsed() {
                    sleep.as_mut().reset(instant);
                    self.at = deadline;
                    self.operations += 1;
                }
                sleep
            }
            empty => {
                self.at = deadline;
                self.operations += 1;
                empty.insert(Box::pin(sleep_until(instant)))
            }
        };
        sleep.as_mut().poll(&mut Context::from_waker(&self.waker))
    }
}
