//! What the wire does with a packet: state that tests change while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::packet::{Lost, Packet};
use crate::Side;

/// A direction on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From side A to side B.
    AtoB,
    /// From side B to side A.
    BtoA,
}

impl Direction {
    /// The direction of what `side` sends.
    #[must_use]
    pub fn from(side: Side) -> Self {
        match side {
            Side::A => Direction::AtoB,
            Side::B => Direction::BtoA,
        }
    }

    /// The side that sends in this direction.
    #[must_use]
    pub fn sender(self) -> Side {
        match self {
            Direction::AtoB => Side::A,
            Direction::BtoA => Side::B,
        }
    }

    /// The opposite direction.
    #[must_use]
    pub fn back(self) -> Self {
        Self::from(self.sender().other())
    }

    pub(super) fn index(self) -> usize {
        self.sender().index()
    }
}

/// Why a router says it cannot deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// No route: ICMP 3/0, ICMPv6 1/0.
    Network,
    /// The host does not answer on its link: ICMP 3/1, ICMPv6 1/3.
    Host,
    /// Nothing on that port: ICMP 3/3, ICMPv6 1/4.
    Port,
    /// A firewall's reject: ICMP 3/13, ICMPv6 1/1.
    Prohibited,
}

/// The state of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Path {
    #[default]
    Open,
    Cut,
    CutUntil(Instant),
    Unreachable(Unreachable),
    Reset,
}

pub(super) type Predicate = Arc<dyn Fn(&Packet) -> bool + Send + Sync>;

#[derive(Default)]
pub(super) struct Controls {
    pub(super) delay: [Duration; 2],
    pub(super) paths: [Path; 2],
    pub(super) drop_if: Option<Predicate>,
    pub(super) stop: bool,
}

/// What to do with one packet.
pub(super) enum Decision {
    /// Deliver after this delay, unless the predicate picks it.
    Pass(Duration, Option<Predicate>),
    Lose(Lost),
    Unreachable(Unreachable),
    Reset,
}

impl Controls {
    pub(super) fn path(&mut self, direction: Direction) -> &mut Path {
        &mut self.paths[direction.index()]
    }

    pub(super) fn is_cut(&self, direction: Direction, now: Instant) -> bool {
        match self.paths[direction.index()] {
            Path::Cut => true,
            Path::CutUntil(end) => now < end,
            Path::Open | Path::Unreachable(_) | Path::Reset => false,
        }
    }

    pub(super) fn decide(&self, direction: Direction, now: Instant) -> Decision {
        match self.paths[direction.index()] {
            _ if self.is_cut(direction, now) => Decision::Lose(Lost::Cut),
            Path::Unreachable(code) => Decision::Unreachable(code),
            Path::Reset => Decision::Reset,
            Path::Open | Path::Cut | Path::CutUntil(_) => {
                Decision::Pass(self.delay[direction.index()], self.drop_if.clone())
            }
        }
    }
}

impl fmt::Debug for Controls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Controls")
            .field("delay", &self.delay)
            .field("paths", &self.paths)
            .field("drop_if", &self.drop_if.is_some())
            .field("stop", &self.stop)
            .finish()
    }
}
