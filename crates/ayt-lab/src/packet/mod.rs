//! A packet on the wire: its bytes, and what they say.

pub(crate) mod answer;
pub(crate) mod rewrite;
mod summary;

use std::time::Duration;

pub use summary::{Flags, Flow, Options, Summary, Tcp, Transport};

/// One of the two hosts that a wire joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The opposite one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A way along the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From side A to side B.
    AtoB,
    /// From side B to side A.
    BtoA,
}

impl Direction {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::AtoB, Self::BtoA];

    /// That of what a side sends.
    #[must_use]
    pub const fn from(sender: Side) -> Self {
        match sender {
            Side::A => Self::AtoB,
            Side::B => Self::BtoA,
        }
    }

    /// Who sends.
    #[must_use]
    pub const fn sender(self) -> Side {
        match self {
            Self::AtoB => Side::A,
            Self::BtoA => Side::B,
        }
    }

    /// Who receives.
    #[must_use]
    pub const fn receiver(self) -> Side {
        self.sender().other()
    }

    /// The opposite one.
    #[must_use]
    pub const fn back(self) -> Self {
        Self::from(self.receiver())
    }

    /// 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// An IP packet on its way.
#[derive(Debug, Clone)]
pub struct Packet {
    bytes: Vec<u8>,
    summary: Summary,
    direction: Direction,
    at: Duration,
    pub(crate) number: u64,
    pub(crate) made_by_wire: bool,
    changed: bool,
}

impl Packet {
    /// Reads an IP packet; `None` for what is none.
    #[must_use]
    pub fn parse(bytes: Vec<u8>, direction: Direction, at: Duration) -> Option<Self> {
        Some(Self {
            summary: Summary::parse(&bytes)?,
            bytes,
            direction,
            at,
            number: 0,
            made_by_wire: false,
            changed: false,
        })
    }

    /// The packet, from its IP header on.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What its headers say.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Its TCP header, if it has one.
    #[must_use]
    pub const fn tcp(&self) -> Option<&Tcp> {
        self.summary.tcp()
    }

    /// Which way it goes.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// When it came onto the wire (or was made there), in the lab's time.
    #[must_use]
    pub const fn at(&self) -> Duration {
        self.at
    }

    /// A stage has changed it since it was sent.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Changes its bytes; what its headers say is read again. A change that makes
    /// it no packet is not made, and answered with false.
    pub fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut bytes = self.bytes.clone();
        change(&mut bytes);
        let Some(summary) = Summary::parse(&bytes) else {
            return false;
        };
        self.bytes = bytes;
        self.summary = summary;
        self.changed = true;
        true
    }

    /// Came at this time at the earliest.
    pub(crate) fn not_before(&mut self, time: Duration) {
        self.at = self.at.max(time);
    }

    /// Its bytes, for the next packet to use.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
pub(crate) mod sample {
    use super::*;
    use etherparse::PacketBuilder;

    /// A TCP segment over IPv4 for tests: A is 10.77.0.1:1000, B 10.77.0.2:2000.
    pub(crate) fn segment(direction: Direction, flags: &str, seq: u32, data: &[u8]) -> Vec<u8> {
        segment_ack(direction, flags, seq, 0, data)
    }

    pub(crate) fn segment_ack(
        direction: Direction,
        flags: &str,
        seq: u32,
        ack: u32,
        data: &[u8],
    ) -> Vec<u8> {
        let ends = [([10, 77, 0, 1], 1000), ([10, 77, 0, 2], 2000)];
        let (from, to) = (ends[direction.index()], ends[direction.back().index()]);
        let mut builder = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, seq, 1000);
        for flag in flags.chars() {
            builder = match flag {
                'S' => builder.syn(),
                'F' => builder.fin(),
                'R' => builder.rst(),
                '.' => builder.ack(ack),
                other => panic!("no flag {other}"),
            };
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, data).unwrap();
        bytes
    }

    pub(crate) fn packet(direction: Direction, flags: &str, seq: u32, data: &[u8]) -> Packet {
        let bytes = segment(direction, flags, seq, data);
        Packet::parse(bytes, direction, Duration::ZERO).unwrap()
    }
}
