//! What is wanted of a plan, and why it may be refused.

use std::time::Duration;

use super::{Behind, Family, Ground, Loss};
use crate::duration::Ms;
use crate::keepalive::{Os, Setting};

/// What is wanted. Start from [`Wish::new`] and set what else is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Find a vanished peer at most so long after it vanished.
    pub detect_within: Duration,
    /// System, kernel and round trip.
    pub ground: Ground,
    /// Boxes on the way: their entries are to be held.
    pub behind: Vec<Behind>,
    /// Loss of segments: a false death is to be less likely than
    /// [`SAFE`](super::SAFE) in a month.
    pub loss: Option<Loss>,
    /// Survive any outage shorter than this.
    pub outage: Option<Duration>,
    /// A server that polls for overdue heartbeats looks so often.
    pub poll: Option<Duration>,
    /// Headers to count with.
    pub family: Family,
    /// So many connections.
    pub devices: Option<u64>,
    /// Keepalive, and the heartbeat, cost at most so many bytes a month and
    /// connection.
    pub bytes_budget: Option<u64>,
}

impl Wish {
    /// Only a time, on any Linux with a short path.
    #[must_use]
    pub const fn new(detect_within: Duration, ground: Ground) -> Self {
        Self {
            detect_within,
            ground,
            behind: Vec::new(),
            loss: None,
            outage: None,
            poll: None,
            family: Family::V4,
            devices: None,
            bytes_budget: None,
        }
    }

    /// What is left of the time once the peer's last byte has arrived.
    pub(super) fn room(&self) -> Duration {
        self.detect_within.saturating_sub(self.ground.trip())
    }
}

/// What keeps a wish from being granted.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    /// The system's own limits: it counts whole seconds, has a least value, or its
    /// timers are late.
    System(Os),
    /// One socket of the system cannot choose its settings.
    NotPerSocket {
        /// The system.
        os: Os,
        /// Which setting.
        setting: Setting,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The round trip.
    RoundTrip(Duration),
    /// The outage that is to be survived.
    Outage(Duration),
    /// The loss at which no false death may happen.
    Loss(Loss),
    /// A box forgets too soon.
    Box(Behind),
    /// The budget of bytes.
    Budget(u64),
    /// No one of them alone: all that was asked for together.
    Together,
}

impl std::fmt::Display for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System(os) => write!(
                f,
                "the limits of {os}: it needs an idle time, an interval and two probes of whole \
                 units, and its timers round up"
            ),
            Self::NotPerSocket { setting, why, .. } => write!(f, "the {setting}: {why}"),
            Self::RoundTrip(rtt) => write!(
                f,
                "the round trip of {}: probes must be farther apart than their answers take",
                Ms::from(*rtt)
            ),
            Self::Outage(outage) => write!(
                f,
                "the outage of {} that is to be survived: the lost probes, or retransmissions, \
                 must be farther apart than that",
                Ms::from(*outage)
            ),
            Self::Loss(loss) => write!(
                f,
                "the loss of {} %: fewer probes would make a false death more likely than one \
                 in a million a month",
                loss.share() * 100.0
            ),
            Self::Box(behind) => {
                write!(f, "{behind}: two probes must fit before its timeout")
            }
            Self::Budget(bytes) => write!(
                f,
                "the budget of {bytes} bytes a month: probes would have to be farther apart"
            ),
            Self::Together => f.write_str("all that is asked for together"),
        }
    }
}

/// A wish that no settings fulfil.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct Refusal {
    /// What was wished.
    pub detect_within: Duration,
    /// What stands in the way.
    pub binding: Binding,
    /// The shortest time, in whole seconds, that can be had with all else as it is;
    /// `None` if there is none.
    pub least: Option<Duration>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "no keepalive finds a dead peer within {} as asked; what binds is {}",
            Ms::from(self.detect_within),
            self.binding
        )?;
        match self.least {
            Some(least) => write!(f, "; the shortest time to be had so is {}", Ms::from(least)),
            None => f.write_str("; no time can be had so"),
        }
    }
}
