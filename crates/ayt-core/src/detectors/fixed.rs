//! [`Fixed`]: a peer that has promised a heartbeat is held to it.
//!
//! **Why.** The peer said how long it would be silent at most (docs/protocol.md,
//! "Heartbeats"; the detection time of RFC 5880, 6.8.4, is made the same way: what
//! the other side promised, times a multiplier). Nothing has to be learnt, nothing
//! can be learnt wrongly, and the time until a death is noticed is known beforehand:
//! B·M + C. It is 80 bytes or so, and
//! [`Supervisor`](crate::supervise::Supervisor) does the same for a million peers.
//!
//! **When it trips.** [`Judgement::Suspect`] at B·M since the last byte, exactly;
//! [`Judgement::Silent`] when C more has passed since it was said. C counts from the
//! poll and not from the deadline, because the peer is asked when the poll comes. A
//! peer that cannot be asked ([`Terms::one_way`]) is never suspected aloud: silent at
//! B·M + C.
//!
//! **Choosing M.** TCP repairs a loss, so a heartbeat is late rather than lost: by one
//! retransmission time, 200 ms to 3 s and doubling, for each time its segment is lost
//! again. With M = 2 and B = 30 s a peer must be unreachable for about half a minute
//! before it is even asked. M = 1 is right only where B is far above any such delay.
//!
//! **Cold start.** None: a silence begins when the detector is made, and what the
//! peer has promised holds from then on.
//!
//! **Recovery.** Any byte, in any stage, and the peer is alive. A poll that comes
//! later than its deadline by more than [`Terms::lateness`] (the machine slept, the
//! process was stopped) is [`Judgement::Late`]: what came meanwhile is still unread, so
//! nothing is judged and a new silence begins.
//!
//! **When not.** Where the peer has promised nothing (a foreign protocol), see
//! [`Accrual`](super::Accrual).

use std::time::Duration;

use super::silence::{Silence, Stages};
use super::{Detector, Judgement, Terms};

/// Suspects a peer that is silent for longer than it promised.
///
/// How to call it is said in [the module of all detectors](super).
#[derive(Debug, Clone)]
pub struct Fixed {
    terms: Terms,
    silence: Silence,
}

impl Fixed {
    /// Listens from `now` on.
    #[must_use]
    pub const fn new(terms: Terms, now: Duration) -> Self {
        Self {
            terms,
            silence: Silence::new(now),
        }
    }

    /// What was agreed.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How long nothing has been heard; `None` while paused.
    #[must_use]
    pub fn silent_for(&self, now: Duration) -> Option<Duration> {
        self.silence.lasted(now)
    }

    fn stages(&self) -> Stages {
        Stages {
            overdue: self.terms.overdue(),
            challenge: self.terms.challenge(),
            lateness: self.terms.lateness(),
            one_way: self.terms.is_one_way(),
        }
    }
}

impl Detector for Fixed {
    fn on_received(&mut self, now: Duration) {
        self.silence.heard(now);
    }

    fn pause(&mut self, _now: Duration) {
        self.silence.pause();
    }

    fn resume(&mut self, now: Duration) {
        self.silence.resume(now);
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.silence.deadline(&self.stages())
    }

    fn poll(&mut self, now: Duration) -> Judgement {
        self.silence.poll(now, &self.stages())
    }
}

#[cfg(test)]
mod tests;
