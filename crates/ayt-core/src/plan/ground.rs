//! Where a connection lives: system, kernel, round trip.

use std::time::Duration;

use crate::keepalive::{Bound, Detection, Effective, Found, Kernel, Losses, Os, Outage};

/// The floor of a retransmission timeout's variance (`TCP_RTO_MIN`).
const RTO_MIN: Duration = Duration::from_millis(200);
/// No TCP takes a round trip for longer than its longest timeout.
const LONGEST_TRIP: Duration = Duration::from_secs(120);

/// A system, its kernel, and the path to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ground {
    /// The system whose keepalive it is.
    pub os: Os,
    /// What of its kernel the times depend on.
    pub kernel: Kernel,
    /// The round trip to the peer; `None` = a few milliseconds at most, or what
    /// [`Kernel::rto`] says.
    pub rtt: Option<Duration>,
}

impl Ground {
    /// A system on a short path, nothing else known.
    #[must_use]
    pub const fn new(os: Os, kernel: Kernel, rtt: Option<Duration>) -> Self {
        Self { os, kernel, rtt }
    }

    /// The round trip to reckon with where it delays something.
    #[must_use]
    pub fn trip(&self) -> Duration {
        self.rtt.unwrap_or_default().min(LONGEST_TRIP)
    }

    /// The longest first retransmission timeout the path may have.
    pub(super) fn longest_rto(&self) -> Duration {
        match (self.kernel.rto, self.rtt) {
            (Some(rto), _) => rto,
            (None, Some(_)) => self.trip() + RTO_MIN.max(self.trip() * 2),
            (None, None) => RTO_MIN + Duration::from_millis(10),
        }
    }

    /// The kernel with every first retransmission timeout that a path of this
    /// round trip may have: from the round trip and 200 ms, once it is known well,
    /// to three round trips after the first (`tcp_rtt_estimator`).
    pub(super) fn kernels(&self) -> Vec<Kernel> {
        if self.kernel.rto.is_some() || self.rtt.is_none() {
            return vec![self.kernel];
        }
        let (least, most) = (self.trip() + RTO_MIN, self.longest_rto());
        let steps = if most > least { 4 } else { 0 };
        let between = (most - least) / 4;
        (0..=steps)
            .map(|step| Kernel {
                rto: Some(least + between * step),
                ..self.kernel
            })
            .collect()
    }

    /// When a death is found with these settings: the span that holds for every
    /// timeout the path may have.
    #[must_use]
    pub fn detection(&self, settings: &Effective) -> Detection {
        let all = self.kernels();
        let all = all.iter().map(|kernel| self.os.detection(settings, kernel));
        all.reduce(|one, other| Detection {
            idle: either(one.idle, other.idle),
            in_flight: either(one.in_flight, other.in_flight),
        })
        .unwrap_or_else(|| self.os.detection(settings, &self.kernel))
    }

    /// The shortest outage that kills with these settings.
    #[must_use]
    pub fn outage(&self, settings: &Effective) -> Outage {
        let all = self.kernels();
        let all = all.iter().map(|kernel| self.os.outage(settings, kernel));
        all.reduce(|one, other| Outage {
            idle: shorter(one.idle, other.idle),
            in_flight: shorter(one.in_flight, other.in_flight),
        })
        .unwrap_or_else(|| self.os.outage(settings, &self.kernel))
    }

    /// How many losses in a row kill with these settings.
    #[must_use]
    pub fn losses(&self, settings: &Effective) -> Losses {
        let all = self.kernels();
        let all = all.iter().map(|kernel| self.os.losses(settings, kernel));
        all.reduce(|one, other| Losses {
            idle: fewer(one.idle, other.idle),
            in_flight: fewer(one.in_flight, other.in_flight),
        })
        .unwrap_or_else(|| self.os.losses(settings, &self.kernel))
    }
}

fn either(one: Found, other: Found) -> Found {
    match (one, other) {
        (Found::Within(one), Found::Within(other)) => Found::Within(one.or(other)),
        (one, _) => one,
    }
}

fn shorter(one: Bound, other: Bound) -> Bound {
    match (one, other) {
        (Bound::AtLeast(one), Bound::AtLeast(other)) => Bound::AtLeast(one.min(other)),
        (one, _) => one,
    }
}

fn fewer(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    Some(one?.min(other?))
}
