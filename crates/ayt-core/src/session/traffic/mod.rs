//! The messages of one session, in both directions. They outlive the connections
//! they travel over: see docs/protocol.md, "Messages and acknowledgement" and
//! "Resume".

use std::time::Duration;

use bytes::Bytes;

use super::violation::Violation;

mod inbound;
mod limits;
mod outbound;
#[cfg(test)]
mod tests;

pub use limits::{
    Accepts, CannotResume, Config, Numbers, OVERHEAD, Offer, OfferError, SEQ_BYTES, cost,
};

use inbound::Inbound;
use limits::Packed;
use outbound::Outbound;

/// One session's messages: numbered, kept until acknowledged, handed over once.
///
/// # How to call it
///
/// The program's side, at any time, connected or not:
///
/// 1. [`Self::offer`] a message. [`Offer::Full`] gives it back: offer it again
///    once an acknowledgement has made room. Nothing is ever dropped for room.
/// 2. [`Self::take`] the next message. Taking one says that the one before it is
///    done with, and lets it be acknowledged; [`Self::done`] says so without
///    taking another. A program that crashes in between leaves it
///    unacknowledged.
///
/// The connection's side:
///
/// 3. For a resume, tell the peer [`Self::announce`] in PROOF or WELCOME, and
///    give what the peer announced to [`Self::resume`] before the first frame.
/// 4. Give it [`Self::handle_data`] and [`Self::handle_ack`], in the order of the
///    stream. An error is the peer's fault and ends the connection, not the
///    session.
/// 5. Send what [`Self::poll_data`] gives, and [`Self::poll_ack`] at
///    [`Self::ack_deadline`] at the latest. What was given counts as sent; if the
///    connection breaks it is given again after step 3.
///
/// Times are offsets from one origin and never go backwards. Messages are
/// [`Bytes`]: they are shared, not copied.
#[derive(Debug, Clone)]
pub struct Traffic {
    config: Packed,
    outbound: Outbound,
    inbound: Inbound,
    ending: bool,
}

impl Traffic {
    /// A session that begins.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            outbound: Outbound::new(0),
            inbound: Inbound::new(0),
            config: Packed::new(config),
            ending: false,
        }
    }

    /// A session whose state a program kept over a crash: `acknowledged` and
    /// `handed_over` of [`Numbers`], and the messages after `acknowledged` in
    /// order. They count as sent, since they may have been.
    pub fn restore(
        config: Config,
        acknowledged: u64,
        handed_over: u64,
        messages: impl IntoIterator<Item = Bytes>,
    ) -> Self {
        Self {
            outbound: Outbound::restore(acknowledged, messages),
            inbound: Inbound::new(handed_over),
            config: Packed::new(config),
            ending: false,
        }
    }

    /// Where both directions stand.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        Numbers {
            accepted: self.outbound.accepted(),
            sent: self.outbound.sent(),
            acknowledged: self.outbound.acknowledged(),
            received: self.inbound.received(),
            handed_over: self.inbound.done_with(),
        }
    }

    /// Its bounds.
    #[must_use]
    pub const fn config(&self) -> Config {
        self.config.config()
    }

    /// Bytes of cost kept for the other side.
    #[must_use]
    pub const fn replay_cost(&self) -> u64 {
        self.outbound.cost()
    }

    /// Bytes of cost that came in and were not taken yet.
    #[must_use]
    pub const fn queued_cost(&self) -> u64 {
        self.inbound.queued_cost()
    }

    /// Everything offered has been acknowledged.
    #[must_use]
    pub const fn all_acknowledged(&self) -> bool {
        self.outbound.cost() == 0
    }

    /// Nothing that came in waits to be taken or done with.
    #[must_use]
    pub fn all_handed_over(&self) -> bool {
        self.inbound.idle()
    }

    /// [`Self::take`] would give a message.
    #[must_use]
    pub fn readable(&self) -> bool {
        self.inbound.readable()
    }

    /// Takes a message to be sent, or hands it back where there is no room.
    ///
    /// # Errors
    /// The message can never be sent.
    pub fn offer(&mut self, message: Bytes) -> Result<Offer, OfferError> {
        if self.ending {
            return Err(OfferError::Ending);
        }
        let max = self.config.peer.longest_message();
        if message.len() > max {
            let len = message.len();
            return Err(OfferError::TooLong { len, max });
        }
        let window = u64::from(self.config.replay_bound.min(self.config.peer.window));
        Ok(self.outbound.offer(message, window))
    }

    /// Nothing more is offered: the program ends the session. Holds over a
    /// resume.
    pub const fn set_ending(&mut self) {
        self.ending = true;
    }

    /// The program has ended the session.
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        self.ending
    }

    /// The next message, if there is one and it is not held back. The one taken
    /// before it is done with.
    pub fn take(&mut self, now: Duration) -> Option<Bytes> {
        self.inbound.take(now)
    }

    /// The message taken last is done with.
    pub fn done(&mut self, now: Duration) {
        self.inbound.done(now);
    }

    /// Gives out nothing until [`Self::release`]: an older session of the same
    /// device is still being read. What comes in is kept, within the window.
    pub const fn hold(&mut self) {
        self.inbound.set_held(true);
    }

    /// The older session has been read to its end.
    pub const fn release(&mut self) {
        self.inbound.set_held(false);
    }

    /// [`Self::settle`] was called.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.inbound.is_settled()
    }

    /// The session cannot be resumed, and the other side is told up to where its
    /// messages were handed over. What came beyond that is dropped, and what still
    /// comes, for it may be sent again; a message in hand counts as not handed over.
    /// Gives the final numbers.
    pub fn settle(&mut self) -> Numbers {
        self.inbound.settle();
        self.numbers()
    }

    /// The number to put into PROOF or WELCOME. Counts as an acknowledgement
    /// that was sent.
    pub fn announce(&mut self) -> u64 {
        self.inbound.acknowledge()
    }

    /// Whether a peer that stands at `received`, and takes `accepts`, can go on.
    ///
    /// # Errors
    /// Why it cannot. Nothing has changed then.
    pub const fn may_resume(&self, received: u64, accepts: Accepts) -> Result<(), CannotResume> {
        let (acknowledged, sent) = (self.outbound.acknowledged(), self.outbound.sent());
        if received < acknowledged {
            Err(CannotResume::Forgotten {
                received,
                acknowledged,
            })
        } else if received > sent {
            Err(CannotResume::NeverSent { received, sent })
        } else if accepts.covers(self.config.peer) {
            Ok(())
        } else {
            Err(CannotResume::TakesLess)
        }
    }

    /// Goes on over a new connection: forgets what the peer has `received`, and
    /// sends the rest again, in order.
    ///
    /// # Errors
    /// As [`Self::may_resume`].
    pub fn resume(&mut self, received: u64, accepts: Accepts) -> Result<(), CannotResume> {
        self.may_resume(received, accepts)?;
        self.config.peer = accepts;
        self.outbound.resume(received);
        Ok(())
    }

    /// A DATA frame came.
    ///
    /// # Errors
    /// What the peer did wrong. The message was not taken.
    pub fn handle_data(&mut self, seq: u64, message: Bytes) -> Result<(), Violation> {
        self.inbound.handle_data(seq, message, self.config.own)
    }

    /// An ACK frame came.
    ///
    /// # Errors
    /// What the peer did wrong.
    pub fn handle_ack(&mut self, acknowledged: u64) -> Result<(), Violation> {
        self.outbound.handle_ack(acknowledged)
    }

    /// The next message to send on this connection, with its number.
    pub fn poll_data(&mut self) -> Option<(u64, Bytes)> {
        self.outbound.poll_data()
    }

    /// [`Self::poll_data`] would give a message.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.outbound.has_data()
    }

    /// An acknowledgement is due: a quarter of the window has been handed over
    /// since the last, or it has waited for its delay.
    #[must_use]
    pub fn ack_due(&self, now: Duration) -> bool {
        self.inbound.quarter_done(self.config.own.window)
            || self.ack_deadline().is_some_and(|at| now >= at)
    }

    /// When an acknowledgement has to be sent; `None` where there is nothing to
    /// acknowledge.
    #[must_use]
    pub fn ack_deadline(&self) -> Option<Duration> {
        let since = self.inbound.waiting_since()?;
        Some(since.saturating_add(self.config.ack_delay.get()))
    }

    /// The acknowledgement to send, due or not; `None` where it would say
    /// nothing new.
    pub fn poll_ack(&mut self) -> Option<u64> {
        self.inbound.waiting_since()?;
        Some(self.inbound.acknowledge())
    }

    /// Nothing happens for a while: gives back the memory of queues that are empty.
    pub fn rest(&mut self) {
        self.inbound.rest();
        self.outbound.rest();
    }

    /// The messages that were never acknowledged, in order, with the number of
    /// the first: for a program whose session is lost.
    pub fn into_unacknowledged(self) -> (u64, impl Iterator<Item = Bytes>) {
        (
            self.outbound.acknowledged() + 1,
            self.outbound.into_messages(),
        )
    }
}
