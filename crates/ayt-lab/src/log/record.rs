//! One packet in the log.

use std::fmt;
use std::time::Duration;

use crate::packet::{Direction, Summary, Tcp};

/// A packet that was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number in the log.
    pub number: u64,
    /// When the kernel took it from the sender, or a stage made it; lab time.
    pub at: Duration,
    /// Which way it goes.
    pub direction: Direction,
    /// Who made it.
    pub origin: Origin,
    /// What it was when it came onto the wire.
    pub summary: Summary,
    /// What became of it.
    pub fate: Fate,
    /// Its first bytes as it came onto the wire.
    pub bytes: Box<[u8]>,
    /// What it was when it left, where a stage has changed it.
    pub delivered_as: Option<(Summary, Box<[u8]>)>,
}

/// Who made a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The kernel of a host.
    Host,
    /// The stage of this name.
    Stage(&'static str),
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is still on the wire.
    UnderWay,
    /// The receiver's kernel has it.
    Delivered {
        /// Since when.
        at: Duration,
    },
    /// It was lost.
    Dropped {
        /// When.
        at: Duration,
        /// The stage that did it, or `wire`.
        by: &'static str,
        /// Why, in a word or two.
        why: &'static str,
    },
}

impl Record {
    /// Its TCP header when it came onto the wire, if it has one.
    #[must_use]
    pub const fn tcp(&self) -> Option<&Tcp> {
        self.summary.tcp()
    }

    /// It was lost.
    #[must_use]
    pub const fn is_dropped(&self) -> bool {
        matches!(self.fate, Fate::Dropped { .. })
    }

    /// When the receiver got it.
    #[must_use]
    pub const fn delivered_at(&self) -> Option<Duration> {
        match self.fate {
            Fate::Delivered { at } => Some(at),
            Fate::UnderWay | Fate::Dropped { .. } => None,
        }
    }

    /// What it was for the receiver.
    #[must_use]
    pub fn delivered_summary(&self) -> &Summary {
        self.delivered_as
            .as_ref()
            .map_or(&self.summary, |(summary, _)| summary)
    }

    pub(super) fn kept(&self) -> usize {
        let changed = self
            .delivered_as
            .as_ref()
            .map_or(0, |(_, bytes)| bytes.len());
        self.bytes.len() + changed
    }
}

/// What the wire did to it, for people.
impl fmt::Display for Fate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => out.write_str("under way"),
            Self::Delivered { .. } => out.write_str("delivered"),
            Self::Dropped { by, why, .. } if by == why => write!(out, "dropped by {by}"),
            Self::Dropped { by, why, .. } => write!(out, "dropped by {by}: {why}"),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Direction::AtoB => "A → B",
            Direction::BtoA => "B → A",
        };
        write!(out, "{:.6} {arrow} {}", self.at.as_secs_f64(), self.summary)?;
        if let Origin::Stage(name) = self.origin {
            write!(out, ", made by {name}")?;
        }
        write!(out, ", {}", self.fate)
    }
}
