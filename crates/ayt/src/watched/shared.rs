//! What a connection, its handles and its timer share.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use tokio::sync::futures::Notified;

use crate::cause::Cause;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify, OnceLock, PoisonError};

/// Called once when the connection registers or ends, whichever is first.
pub(crate) type Release = Box<dyn FnOnce() + Send + Sync>;

#[derive(Default)]
pub(super) struct Shared {
    /// The first cause that was told.
    cause: OnceLock<Cause>,
    /// What this side decided: reads and writes end with it.
    decided: OnceLock<Cause>,
    /// Holders of [`Hold`](super::Hold).
    holds: AtomicU32,
    /// How often one was taken: a hold that came and went between two polls has
    /// interrupted the silence all the same.
    holds_taken: AtomicU32,
    wakers: Mutex<Wakers>,
    /// Handles wait for the end.
    told: Notify,
    registration: Mutex<Option<Release>>,
}

#[derive(Default)]
struct Wakers {
    read: Option<Waker>,
    write: Option<Waker>,
}

/// Which waker.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Read,
    Write,
}

impl Shared {
    pub(super) fn cause(&self) -> Option<Cause> {
        self.cause.get().copied()
    }

    pub(super) fn decided(&self) -> Option<Cause> {
        self.decided.get().copied()
    }

    /// Keeps the first cause, and says whether this was it.
    pub(super) fn tell(&self, cause: Cause) -> bool {
        let first = self.cause.set(cause).is_ok();
        if first {
            self.told.notify_waiters();
        }
        first
    }

    pub(super) fn told(&self) -> Notified<'_> {
        self.told.notified()
    }

    /// Ends the connection for both directions. Says whether it was this call
    /// that did.
    pub(super) fn decide(&self, cause: Cause) -> bool {
        let first = self.decided.set(cause).is_ok();
        if first {
            // Only then: who decides is who tells.
            self.tell(cause);
            self.wake_both();
        }
        first
    }

    pub(super) fn holds(&self) -> bool {
        self.holds.load(Ordering::Acquire) > 0
    }

    pub(super) fn holds_taken(&self) -> u32 {
        self.holds_taken.load(Ordering::Acquire)
    }

    pub(super) fn hold(&self) {
        self.holds_taken.fetch_add(1, Ordering::AcqRel);
        self.holds.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn unhold(&self) {
        if self.holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_both();
        }
    }

    /// Not yet registered.
    pub(super) fn is_unregistered(&self) -> bool {
        lock(&self.registration).is_some()
    }

    pub(super) fn set_registration(&self, release: Release) {
        *lock(&self.registration) = Some(release);
    }

    /// Registers, unless it has ended, and says whether that was news. A peer that has
    /// closed its direction may still be answered.
    pub(super) fn register(&self) -> bool {
        let open = matches!(self.cause(), None | Some(Cause::PeerClosed));
        open && self.decided().is_none() && self.release()
    }

    /// Registers, or gives the place up: the release runs once.
    pub(super) fn release(&self) -> bool {
        let release = lock(&self.registration).take();
        let first = release.is_some();
        if let Some(release) = release {
            release();
        }
        first
    }

    /// Remembers who waits.
    pub(super) fn waits(&self, side: Side, cx: &Context<'_>) {
        let mut wakers = lock(&self.wakers);
        let slot = match side {
            Side::Read => &mut wakers.read,
            Side::Write => &mut wakers.write,
        };
        match slot {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *slot = Some(cx.waker().clone()),
        }
    }

    fn wake_both(&self) {
        let Wakers { read, write } = std::mem::take(&mut *lock(&self.wakers));
        for waker in [read, write].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// The timer wakes through this: reader and writer may be two tasks, and a
/// [`tokio::time::Sleep`] knows one waker only.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_both();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_both();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("cause", &self.cause)
            .field("decided", &self.decided)
            .field("holds", &self.holds)
            .finish_non_exhaustive()
    }
}

/// What is behind these locks is whole at every moment, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
