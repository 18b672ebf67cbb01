//! The messages of one session, in both directions. They outlive the connections
//! they travel over: see docs/protocol.md, "Messages and acknowledgement" and
//! "Resume".

use std::time::Duration;

use bytes::Bytes;

use super::violation::Violation;

mod inbound;
mod outbound;
#[cfg(test)]
mod tests;

use inbound::Inbound;
use outbound::Outbound;

/// What a message costs beyond its length, bytes: room for what both sides keep
/// of it, so that a million empty messages are not free.
pub const OVERHEAD: u64 = 32;

/// Bytes of a DATA payload before the message: its sequence number.
pub const SEQ_BYTES: usize = 8;

/// What one message costs in a window, bytes.
#[must_use]
pub const fn cost(message_len: usize) -> u64 {
    message_len as u64 + OVERHEAD
}

/// What a receiver takes, as announced in HELLO or WELCOME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepts {
    /// The largest payload of a frame, bytes: 1,024 to 16,777,215. A message is
    /// at most 8 bytes shorter.
    pub max_payload: u32,
    /// Unacknowledged bytes of cost: 4 KiB to 1 GiB.
    pub window: u32,
}

impl Accepts {
    /// The longest message that fits a frame, bytes.
    #[must_use]
    pub const fn longest_message(self) -> usize {
        (self.max_payload as usize).saturating_sub(SEQ_BYTES)
    }

    /// Everything that fits `other` fits here too.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.max_payload >= other.max_payload && self.window >= other.window
    }
}

impl Default for Accepts {
    /// A message of 64 KiB, and 1 MiB in flight: enough for 80 Mbit/s at 100 ms.
    fn default() -> Self {
        Self {
            max_payload: 65_544,
            window: 1 << 20,
        }
    }
}

/// The bounds of one session's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What this side takes.
    pub own: Accepts,
    /// What the other side takes.
    pub peer: Accepts,
    /// Bytes of cost this side keeps for the other at most: 4 KiB to 1 GiB,
    /// default 1 MiB.
    pub replay_bound: u32,
    /// How long an acknowledgement may wait for company: 0 to 200 ms, default
    /// 50 ms (well below what the protocol allows, long enough to gather many).
    pub ack_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            own: Accepts::default(),
            peer: Accepts::default(),
            replay_bound: 1 << 20,
            ack_delay: Duration::from_millis(50),
        }
    }
}

/// Where both directions of a session stand, as told when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Numbers {
    /// The last message the program offered and this side took.
    pub accepted: u64,
    /// The last message that was ever sent.
    pub sent: u64,
    /// Every message up to this one was handed over at the other side.
    pub acknowledged: u64,
    /// The last message that came in.
    pub received: u64,
    /// Every message up to this one was handed over here, and done with.
    pub handed_over: u64,
}

impl Numbers {
    /// How many messages this side took from its program and has not seen
    /// acknowledged: what is lost, or may be, should the session end now.
    #[must_use]
    pub const fn unacknowledged(&self) -> u64 {
        self.accepted - self.acknowledged
    }
}

/// What became of a message that was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a message that was not accepted is handed back"]
pub enum Offer {
    /// It has this number, and is kept until it is acknowledged.
    Accepted(u64),
    /// There is no room until more is acknowledged. Here it is back: wait, and
    /// offer it again.
    Full(Bytes),
}

/// A message that can never be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Longer than the other side takes.
    #[error(
        "a message of {len} bytes cannot be sent: the other side takes at most {max}; split it"
    )]
    TooLong {
        /// Its length.
        len: usize,
        /// The longest that is taken.
        max: usize,
    },
    /// The session is being ended.
    #[error("the session is being ended: nothing more can be sent on it")]
    Ending,
}

/// Why a session cannot go on with a peer that says where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CannotResume {
    /// The peer has forgotten messages that it had acknowledged, and that are
    /// therefore no longer kept here.
    #[error("the peer has {received}, but had acknowledged {acknowledged}")]
    Forgotten {
        /// What it says it has.
        received: u64,
        /// What it had acknowledged.
        acknowledged: u64,
    },
    /// The peer says it has what was never sent.
    #[error("the peer says it has {received}, and {sent} is the last message sent")]
    NeverSent {
        /// What it says it has.
        received: u64,
        /// The last message sent.
        sent: u64,
    },
    /// The peer takes less than it did when the session began: what is kept for
    /// it may not fit.
    #[error("the peer takes less than when the session began")]
    TakesLess,
}

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
    config: Config,
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
            config,
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
            config,
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
    pub const fn config(&self) -> &Config {
        &self.config
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
        Some(since.saturating_add(self.config.ack_delay))
    }

    /// The acknowledgement to send, due or not; `None` where it would say
    /// nothing new.
    pub fn poll_ack(&mut self) -> Option<u64> {
        self.inbound.waiting_since()?;
        Some(self.inbound.acknowledge())
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
