//! What a wire can do to packets, one file a kind.
//!
//! A stage is a small machine: it is given a packet, its direction and `now`, and
//! answers what becomes of it. It does no I/O and reads no clock, so that each is
//! tested in virtual time, and the same seed gives the same fates. To add one,
//! start from the stage that does nothing:
//!
//! ```
//! use ayt_lab::stage::{Stage, Verdict};
//! use ayt_lab::{Direction, Packet};
//! use std::time::Duration;
//!
//! #[derive(Debug)]
//! struct Nothing;
//!
//! impl Stage for Nothing {
//!     fn name(&self) -> &'static str {
//!         "nothing"
//!     }
//!
//!     fn pass(&mut self, _now: Duration, _way: Direction, _packet: &mut Packet) -> Verdict {
//!         Verdict::Pass
//!     }
//! }
//! ```

mod balancer;
mod cut;
mod delay;
mod dice;
mod flows;
mod loss;
mod nat;
mod outage;
mod pick;
mod reorder;
mod reset;
mod segment;
mod unreachable;

use std::fmt;
use std::time::Duration;

use crate::packet::{Direction, Packet};

pub use balancer::{Balancer, OnIdle};
pub use cut::Cut;
pub use delay::Delay;
pub use loss::Loss;
pub use nat::{Expiry, Nat};
pub use outage::Outage;
pub use pick::Pick;
pub use reorder::Reorder;
pub use reset::Reset;
pub use segment::{Kinds, Recogniser, Segment, UnknownSegment};
pub use unreachable::{Code, Unreachable};

/// One thing that a wire does to packets.
pub trait Stage: Send + fmt::Debug {
    /// Its kind, in a word: what the log says.
    fn name(&self) -> &'static str;

    /// What becomes of a packet. `now` never goes back.
    fn pass(&mut self, now: Duration, direction: Direction, packet: &mut Packet) -> Verdict;

    /// When it has something to say by itself; `None`: never.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Packets of its own, when [`Stage::due`] has come. Afterwards `due` must be
    /// later than `now`, or `None`.
    fn tick(&mut self, _now: Duration) -> Vec<(Direction, Vec<u8>)> {
        Vec::new()
    }
}

/// What becomes of a packet at one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the next stage.
    Pass,
    /// It goes on when this time has come.
    Hold {
        /// The time.
        until: Duration,
    },
    /// It is lost.
    Drop {
        /// Why, in a word or two.
        why: &'static str,
    },
    /// It is lost, and its sender is told something.
    Answer {
        /// Why, in a word or two.
        why: &'static str,
        /// The IP packet that goes back.
        answer: Vec<u8>,
    },
}

/// The directions that a stage is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ways {
    /// Both.
    #[default]
    Both,
    /// One only; the other passes untouched.
    Only(Direction),
}

impl Ways {
    /// A direction is among them.
    #[must_use]
    pub const fn has(self, direction: Direction) -> bool {
        match self {
            Self::Both => true,
            Self::Only(only) => only.index() == direction.index(),
        }
    }
}
