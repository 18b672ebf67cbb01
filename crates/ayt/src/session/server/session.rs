//! One client's session, in the hands of the server's program.

use std::net::SocketAddr;
use std::sync::Arc;

use ayt_core::session::frame::{Reason, Retry};
use ayt_core::session::registry::Over;
use ayt_core::session::traffic::Numbers;
use bytes::Bytes;

use super::events::SessionEvent;
use super::held::{Kept, Predecessor};
use super::shared::Shared;
use crate::session::{SendError, SessionEnd};
use crate::sync::atomic::Ordering;

/// A session with one client. It outlives the client's connections: while none stands,
/// messages wait within the replay bound, and go on over the next one.
///
/// Dropping it, with all its halves, ends the session as [`Self::close`] does, without
/// waiting.
#[derive(Debug)]
pub struct Session {
    handle: Handle,
}

/// The sending half of a session: as many as are needed.
#[derive(Debug, Clone)]
pub struct SessionSender {
    handle: Handle,
}

/// The receiving half of a session: one, since asking for a message says that the one
/// before is done with.
#[derive(Debug)]
pub struct SessionReceiver {
    handle: Handle,
}

/// One of the program's holds on a session. Counted in the session itself: there are as
/// many as sessions, and a count of their own would be one more allocation for each.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    kept: Arc<Kept>,
}

impl Handle {
    fn new(shared: Arc<Shared>, kept: Arc<Kept>) -> Self {
        // Nothing is read or written by whoever sees the count grow.
        kept.handles.fetch_add(1, Ordering::Relaxed);
        Self { shared, kept }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone(), self.kept.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // The last one comes after all that the others have done.
        if self.kept.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        self.kept.abandon();
        self.end_softly();
        self.shared
            .book(|book, now| book.taken_by_program(now, &self.kept));
    }
}

impl Handle {
    async fn send(&self, message: Bytes) -> Result<(), SendError> {
        self.kept.core.send(message).await?;
        self.recharge();
        Ok(())
    }

    fn try_send(&self, message: Bytes) -> Result<Option<Bytes>, SendError> {
        let back = self.kept.core.offer(message)?;
        self.recharge();
        Ok(back)
    }

    /// A session without a connection has grown: it is counted.
    fn recharge(&self) {
        if !self.kept.core.is_connected() {
            let (identity, epoch) = (&self.kept.identity, self.kept.epoch());
            self.shared
                .book(|book, now| book.registry.recharge(now, identity, epoch));
        }
    }

    /// A message was taken: a newer session may wait for that.
    fn taken(&self) {
        if self.kept.awaits_hand_over() {
            self.shared
                .book(|book, now| book.taken_by_program(now, &self.kept));
        }
    }

    async fn recv(&self) -> Option<Bytes> {
        let message = self.kept.core.recv().await;
        self.taken();
        message
    }

    fn done(&self) {
        self.kept.core.done();
        self.taken();
    }

    /// Ends the session once everything is acknowledged.
    fn end_softly(&self) {
        let kept = &self.kept;
        self.shared.book(|book, now| {
            kept.core.end(Reason::Done, Retry::Never);
            let numbers = kept.core.numbers();
            if numbers.unacknowledged() == 0 {
                // Where it waits for a connection there is nothing to wait for.
                let epoch = kept.epoch();
                book.registry
                    .discard(now, &kept.identity, epoch, Over::Ended);
            }
        });
    }

    async fn ended(&self) -> SessionEnd {
        self.kept.ended().await
    }
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, kept: Arc<Kept>) -> Self {
        Self {
            handle: Handle::new(shared, kept),
        }
    }

    fn kept(&self) -> &Kept {
        &self.handle.kept
    }

    #[cfg(test)]
    #[cfg(ayt_explore)]
    pub(super) fn kept_shared(&self) -> Arc<Kept> {
        self.handle.kept.clone()
    }

    /// Who the client is: 1 to 128 bytes of anything. Escape them where you show them.
    #[must_use]
    pub fn identity(&self) -> &Bytes {
        &self.kept().identity
    }

    /// The epoch of its latest registration or resume: larger than any before of this
    /// identity, also over a restart of the server as long as its clock has not gone
    /// back.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.kept().epoch()
    }

    /// Where its latest connection came from.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.kept().peer()
    }

    /// It has a connection that is not about to end.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.kept().core.is_connected()
    }

    /// Where both directions stand.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.kept().core.numbers()
    }

    /// What the client said of its session before this one, when it came back too late
    /// to go on with it and this server still remembered it: what was lost of the old
    /// one is known exactly.
    #[must_use]
    pub fn predecessor(&self) -> Option<Predecessor> {
        self.kept().predecessor()
    }

    /// Sends a message: ready once there is room for it in the replay buffer, connected
    /// or not. It is kept until the client's program was handed it.
    ///
    /// Cancel safe: where the future is dropped before it is ready, the message was not
    /// taken.
    ///
    /// # Errors
    /// It is longer than the client takes, or the session is over or being ended.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.handle.send(message.into()).await
    }

    /// Sends a message now, or gives it back where there is no room for it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<Option<Bytes>, SendError> {
        self.handle.try_send(message.into())
    }

    /// The next message; `None` once the session is over and everything that came in
    /// was handed over. Asking says that the message before is done with: only then is
    /// it acknowledged to the client. [`Self::done`] says it without asking. A program
    /// that keeps its last message and does neither makes a client that closes wait its
    /// full time for it.
    ///
    /// Cancel safe: where the future is dropped before it is ready, nothing was handed
    /// over, and nothing is acknowledged that was not.
    pub async fn recv(&mut self) -> Option<Bytes> {
        self.handle.recv().await
    }

    /// The message taken last is done with: it may be acknowledged.
    pub fn done(&mut self) {
        self.handle.done();
    }

    /// What happened to the connection next; `None` after
    /// [`SessionEvent::Ended`]. A program that does not ask loses the oldest beyond 64.
    ///
    /// Cancel safe: an event is taken only where it is returned.
    pub async fn next_event(&self) -> Option<SessionEvent> {
        self.kept().next_event().await
    }

    /// Ends the session once everything sent is acknowledged (at most
    /// [`Limits::finish`](super::Limits::finish), and of a session without a connection
    /// until it expires), and says how it ended. Nothing more can be sent. What came in
    /// can still be received.
    ///
    /// Cancel safe: the session goes on ending where the future is dropped.
    pub async fn close(&self) -> SessionEnd {
        self.handle.end_softly();
        self.handle.ended().await
    }

    /// Ends the session now: BYE `kicked` where it is connected. `retry` says when the
    /// client may come back; [`Retry::Never`] keeps a client of this library away.
    /// `text` is for a person, cut to 200 bytes.
    pub fn kick(&self, retry: Retry, text: &str) {
        let kept = self.kept();
        self.handle
            .shared
            .book(|book, now| book.end(now, kept, (Reason::Kicked, retry, text)));
    }

    /// Waits until the session is over and its last connection closed, and says how it
    /// ended.
    ///
    /// Cancel safe.
    pub async fn ended(&self) -> SessionEnd {
        self.handle.ended().await
    }

    /// The messages the client has not acknowledged, with the number of the first: once
    /// the session is over they are lost, or may be. A client that comes back tells
    /// which: [`Self::predecessor`] of its next session. A message here was not
    /// necessarily not handled: its acknowledgement may have been on the way.
    #[must_use]
    pub fn unacknowledged(&self) -> (u64, Vec<Bytes>) {
        self.kept().core.unacknowledged()
    }

    /// A sending and a receiving half, for two tasks. The session ends when all are
    /// dropped.
    #[must_use]
    pub fn split(self) -> (SessionSender, SessionReceiver) {
        let handle = self.handle;
        let sender = SessionSender {
            handle: handle.clone(),
        };
        (sender, SessionReceiver { handle })
    }
}

impl SessionSender {
    /// As [`Session::send`]; cancel safe as that.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.handle.send(message.into()).await
    }

    /// As [`Session::try_send`].
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<Option<Bytes>, SendError> {
        self.handle.try_send(message.into())
    }

    /// As [`Session::next_event`]: here too, so that one task can wait for events and
    /// for messages at once. Each event is given once. Cancel safe as that.
    pub async fn next_event(&self) -> Option<SessionEvent> {
        self.handle.kept.next_event().await
    }

    /// As [`Session::close`]; cancel safe as that.
    pub async fn close(&self) -> SessionEnd {
        self.handle.end_softly();
        self.handle.ended().await
    }

    /// As [`Session::ended`]; cancel safe.
    pub async fn ended(&self) -> SessionEnd {
        self.handle.ended().await
    }
}

impl SessionReceiver {
    /// As [`Session::recv`]; cancel safe as that.
    pub async fn recv(&mut self) -> Option<Bytes> {
        self.handle.recv().await
    }

    /// As [`Session::done`].
    pub fn done(&mut self) {
        self.handle.done();
    }

    /// As [`Session::next_event`]; cancel safe as that.
    pub async fn next_event(&self) -> Option<SessionEvent> {
        self.handle.kept.next_event().await
    }
}
