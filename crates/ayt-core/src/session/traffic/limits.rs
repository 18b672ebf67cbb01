//! What bounds a session's traffic, and how it says where it stands.

use std::time::Duration;

use bytes::Bytes;

use crate::compact::Micros;

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

/// The same as a session keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) own: Accepts,
    pub(super) peer: Accepts,
    pub(super) replay_bound: u32,
    pub(super) ack_delay: Micros,
}

impl Packed {
    pub(super) const fn new(config: Config) -> Self {
        Self {
            own: config.own,
            peer: config.peer,
            replay_bound: config.replay_bound,
            ack_delay: Micros::new(config.ack_delay),
        }
    }

    pub(super) const fn config(self) -> Config {
        Config {
            own: self.own,
            peer: self.peer,
            replay_bound: self.replay_bound,
            ack_delay: self.ack_delay.get(),
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
