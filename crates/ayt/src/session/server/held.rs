//! One session as the server keeps it.

use std::net::SocketAddr;
use std::sync::Arc;

use ayt_core::cause::Cause;
use ayt_core::session::link::End;
use ayt_core::session::registry::{Held, Over};
use ayt_core::session::traffic::{Accepts, CannotResume, Numbers};
use bytes::Bytes;

use super::events::{Events, SessionEvent};
use crate::session::SessionEnd;
use crate::session::driver::Core;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// What the client said of the session before, when it came back too late to go on
/// with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predecessor {
    /// Of this server's messages those up to this one did arrive, and were handed over.
    pub peer_received: u64,
    /// Where this side stood when that session ended.
    pub numbers: Numbers,
}

impl Predecessor {
    /// How many of this server's messages the client was never handed over.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.numbers.accepted.saturating_sub(self.peer_received)
    }
}

/// One session. What changes together with the registry is changed under the book's
/// lock.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) identity: Bytes,
    pub(super) core: Core,
    state: Mutex<State>,
    /// Tasks that carry it and have not ended: at most two, one of them parted.
    carried: AtomicU32,
    /// Handles in the hands of the program.
    pub(super) handles: AtomicU32,
    /// Some `Over` is known: a message taken may be the last one waited for.
    over: AtomicBool,
    abandoned: AtomicBool,
}

#[derive(Debug)]
struct State {
    peer: SocketAddr,
    epoch: u64,
    /// How its last connection ended.
    last: Option<Box<End>>,
    /// Most have none.
    predecessor: Option<Box<Predecessor>>,
    /// Another server has its identity.
    elsewhere: bool,
    events: Events,
    /// Why it is over: decided once, whatever comes after.
    over: Option<(Over, Cause)>,
}

impl Kept {
    pub(super) fn new(identity: Bytes, core: Core, peer: SocketAddr) -> Self {
        Self {
            identity,
            core,
            state: Mutex::new(State {
                peer,
                epoch: 0,
                last: None,
                predecessor: None,
                elsewhere: false,
                events: Events::default(),
                over: None,
            }),
            carried: AtomicU32::new(0),
            handles: AtomicU32::new(0),
            over: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.lock().peer
    }

    /// What was said of the session before; only the first counts.
    pub(super) fn set_predecessor(&self, predecessor: Predecessor) {
        let mut state = self.lock();
        state.predecessor.get_or_insert(Box::new(predecessor));
    }

    pub(super) fn predecessor(&self) -> Option<Predecessor> {
        self.lock().predecessor.as_deref().copied()
    }

    /// Tells the program.
    pub(super) fn push(&self, event: SessionEvent) {
        self.lock().events.push(event);
        self.core.tell_news();
    }

    /// Waits for something that news may bring.
    ///
    /// Cancel safe: what `look` takes, it takes in the poll that returns it.
    async fn wait_for<T>(&self, look: impl Fn() -> Option<T>) -> T {
        loop {
            let news = self.core.news().notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            news.await;
        }
    }

    /// The next event; `None` after the last.
    pub(super) async fn next_event(&self) -> Option<SessionEvent> {
        let next = || {
            let mut state = self.lock();
            let standing = (state.peer, state.epoch);
            state.events.take(standing)
        };
        self.wait_for(next).await
    }

    /// How it ended.
    pub(super) async fn ended(&self) -> SessionEnd {
        self.wait_for(|| self.core.over()).await
    }

    /// A connection carries it from here on.
    pub(super) fn connected(&self, peer: SocketAddr, epoch: u64) {
        self.carried.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        let before = (state.peer, state.epoch);
        (state.peer, state.epoch) = (peer, epoch);
        if before.1 == 0 {
            state.events.begin();
        } else {
            state.events.resumed(before, (peer, epoch));
        }
        drop(state);
        self.core.tell_news();
    }

    /// A connection carries it no more.
    pub(super) fn disconnected(&self) {
        self.carried.fetch_sub(1, Ordering::Relaxed);
        self.finish_if_due();
    }

    pub(super) fn is_carried(&self) -> bool {
        self.carried.load(Ordering::Relaxed) > 0
    }

    /// The end of its connection is decided.
    pub(super) fn lost(&self, end: &End) {
        let mut state = self.lock();
        state.last = Some(Box::new(end.clone()));
        state.events.push(SessionEvent::Lost(end.clone()));
        drop(state);
        self.core.tell_news();
    }

    /// Another server has its identity: whatever ends it now is that.
    pub(super) fn is_elsewhere(&self) {
        self.lock().elsewhere = true;
    }

    /// No connection will follow. The cause it ends with.
    pub(super) fn is_over(&self, over: Over) -> Cause {
        let mut state = self.lock();
        let over = if state.elsewhere {
            Over::Superseded
        } else {
            over
        };
        let cause = cause(over, state.last.as_deref());
        state.over = Some((over, cause));
        drop(state);
        self.over.store(true, Ordering::Release);
        // If it was held back for one that is over longer still, that is not waited for
        // any more: now this one is what a newer waits for.
        self.core.release();
        self.finish_if_due();
        cause
    }

    /// Tells the program once it is over *and* has been read to its end.
    fn finish_if_due(&self) {
        if self.is_carried() {
            return;
        }
        let state = self.lock();
        let Some((over, cause)) = state.over else {
            return;
        };
        let reason = state.last.as_ref().and_then(|end| end.reason);
        let missing = state.last.as_ref().map_or(0, |end| end.missing);
        drop(state);
        self.core.finish(cause, reason, missing);
        if let Some(end) = self.core.over() {
            self.lock().events.push(SessionEvent::Ended { over, end });
        }
        self.core.tell_news();
    }

    /// Whether there is more to be done when a message was taken.
    pub(super) fn awaits_hand_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Nobody will take its messages.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// It was read to its end, and what it brought was handed over.
    pub(super) fn is_drained(&self) -> bool {
        !self.is_carried() && Keep::all_taken(self)
    }
}

/// Why a session is over, in the words of a connection's end.
fn cause(over: Over, last: Option<&End>) -> Cause {
    match (over, last) {
        (Over::Superseded, _) => Cause::Superseded,
        (_, Some(end)) => end.cause,
        (_, None) => Cause::LocalClose,
    }
}

/// The registry's handle.
#[derive(Debug, Clone)]
pub(super) struct Keep(pub(super) Arc<Kept>);

impl Keep {
    fn all_taken(kept: &Kept) -> bool {
        kept.abandoned.load(Ordering::Acquire) || kept.core.all_handed_over()
    }
}

impl Held for Keep {
    fn cost(&self) -> u64 {
        self.0.core.cost()
    }

    fn numbers(&self) -> Numbers {
        self.0.core.numbers()
    }

    fn all_handed_over(&self) -> bool {
        Self::all_taken(&self.0)
    }

    fn settle(&self) -> Numbers {
        self.0.core.settle()
    }

    fn may_resume(&self, received: u64, accepts: Accepts) -> Result<(), CannotResume> {
        self.0.core.may_resume(received, accepts)
    }
}
