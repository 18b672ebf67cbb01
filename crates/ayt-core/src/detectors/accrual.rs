//! [`Accrual`]: a peer is suspected when its silence is unlike what it has done so far.
//!
//! **Why.** N. Hayashibara, X. Défago, R. Yared and T. Katayama, *The φ Accrual Failure
//! Detector*, SRDS 2004: the gaps between arrivals are taken for normally distributed,
//! and φ(t) = −log10 of the probability that a gap is longer than t. At φ = 8 one gap in
//! a hundred million would be that long. The threshold says how wrong one is willing to
//! be, instead of how long one waits; the time follows from how regular the peer is.
//! What Akka, Cassandra and Hazelcast found necessary besides is here too: a least
//! standard deviation, an acceptable pause, and a longest silence.
//!
//! **When it trips.** [`Judgement::Suspect`] when
//!
//! ```text
//! silence = min(mean + pause + y · max(deviation, least deviation), ceiling − challenge)
//! ```
//!
//! with y such that φ(y) is the threshold (5.6 for 8). So the deadline is known as soon
//! as a byte has come, and nothing polls φ. [`Judgement::Silent`] after the challenge
//! time more, and thus at the ceiling at the latest, whatever φ says.
//!
//! **What counts as an arrival.** Bytes of a busy stream come every few microseconds;
//! a detector that takes those gaps for heartbeats suspects the peer as soon as it
//! pauses. Only gaps of at least [the least gap](AccrualTerms::with_least_gap) are learnt from; shorter
//! ones end a silence and tell nothing.
//!
//! **Cold start.** Until eight gaps are known the expected interval is taken for the
//! mean and a quarter of it for the deviation (as Akka does): patient, and bounded by
//! the ceiling.
//!
//! **Recovery.** Any byte, in any stage. A gap that ended in suspicion is learnt as if
//! it had ended when the suspicion began: a peer that has become slower is soon known
//! to be, and a single outage does not blunt the detector for two hundred heartbeats.
//! (Akka leaves such gaps out altogether; then a peer that has become slower for good
//! is suspected for ever.) What was paused, or broken by an own late timer, is not
//! learnt from.
//!
//! **When it is right, and when [`Fixed`](super::Fixed) is.** It is right where nobody
//! has promised an interval, or where the time to detection matters more than its
//! certainty and a challenge is cheap: inside a data centre, for telemetry that comes as
//! it comes, to choose which of several backends to ask first. Over TCP the gaps are not
//! normal: a loss makes one heartbeat late by a whole retransmission time. So a
//! threshold of 8 does not mean one error in 10⁸; it means "very unlike before", which is
//! a reason to ask and no proof of death. Where the peer has promised an interval
//! (`ayt/1` always), hold it to that: `Fixed` finds a death within a time that is known
//! beforehand, needs no memory, and cannot learn nonsense. A window of 200 gaps is
//! 800 bytes a peer; for very many peers take
//! [`Supervisor`](crate::supervise::Supervisor).

mod tail;
mod terms;
mod window;

use std::time::Duration;

use super::silence::{Silence, Stages};
use super::{Detector, Judgement};
use window::Window;

pub use terms::{AccrualTerms, BadAccrual, MOST_WINDOW};

/// Gaps that must be known before they are believed.
const WARM: usize = 8;

/// Suspects a peer whose silence is unlike it.
///
/// How to call it is said in [the module of all detectors](super).
#[derive(Debug, Clone)]
pub struct Accrual {
    terms: AccrualTerms,
    /// Standard deviations at which φ is the threshold.
    deviations: f64,
    window: Window,
    silence: Silence,
    /// The silence at which the peer is overdue.
    overdue: Duration,
}

impl Accrual {
    /// Listens from `now` on. Allocates its window, and nothing later.
    #[must_use]
    pub fn new(terms: AccrualTerms, now: Duration) -> Self {
        let mut accrual = Self {
            terms,
            deviations: tail::inverse(terms.threshold),
            window: Window::new(terms.window),
            silence: Silence::new(now),
            overdue: Duration::ZERO,
        };
        accrual.overdue = accrual.trip();
        accrual
    }

    /// What was agreed.
    #[must_use]
    pub const fn terms(&self) -> &AccrualTerms {
        &self.terms
    }

    /// How unlike the peer its silence is: 1 for what one gap in ten exceeds, 8 for one
    /// in a hundred million. For display; decisions are [`Detector::poll`]'s. Never
    /// infinite; 0 while paused.
    #[must_use]
    pub fn phi(&self, now: Duration) -> f64 {
        let Some(silence) = self.silence.lasted(now) else {
            return 0.0;
        };
        let (mean, deviation) = self.moments();
        tail::phi((silence.as_secs_f64() - mean - self.terms.pause.as_secs_f64()) / deviation)
    }

    /// The silence at which it will be suspected, as known now.
    #[must_use]
    pub const fn overdue(&self) -> Duration {
        self.overdue
    }

    /// The least and the greatest silence at which a detector of these terms can ever
    /// suspect its peer, whatever it learns.
    #[must_use]
    pub fn spread(terms: &AccrualTerms) -> (Duration, Duration) {
        let most = terms.ceiling.saturating_sub(terms.challenge);
        let deviation = tail::inverse(terms.threshold) * terms.least_deviation.as_secs_f64();
        let mean = terms.least_gap.min(terms.expected).as_secs_f64();
        let seconds = mean + terms.pause.as_secs_f64() + deviation.max(0.0);
        // Gaps are remembered in less than full precision.
        let rounding = 1.0 - 1e-6;
        let least = Duration::try_from_secs_f64(seconds * rounding).unwrap_or(most);
        (least.min(most), most)
    }

    /// Gaps it has learnt from, up to the size of its window.
    #[must_use]
    pub const fn learnt(&self) -> usize {
        self.window.len()
    }

    /// Mean and deviation in seconds, with their floor; those expected while cold.
    fn moments(&self) -> (f64, f64) {
        let expected = self.terms.expected.as_secs_f64();
        let (mean, deviation) = if self.window.len() < WARM {
            (expected, expected / 4.0)
        } else {
            self.window.moments()
        };
        (
            mean,
            deviation.max(self.terms.least_deviation.as_secs_f64()),
        )
    }

    /// The silence at which φ reaches the threshold, within the ceiling.
    fn trip(&self) -> Duration {
        let (mean, deviation) = self.moments();
        let most = self.terms.ceiling.saturating_sub(self.terms.challenge);
        let pause = self.terms.pause.as_secs_f64();
        // A low threshold is reached before the mean: below 0.3, half of all gaps. Never
        // suspect what is shorter than usual.
        let seconds = mean + pause + (self.deviations * deviation).max(0.0);
        Duration::try_from_secs_f64(seconds).map_or(most, |trip| trip.min(most))
    }

    fn stages(&self) -> Stages {
        Stages {
            overdue: self.overdue,
            challenge: self.terms.challenge,
            lateness: self.terms.lateness,
            one_way: self.terms.one_way,
        }
    }
}

impl Detector for Accrual {
    fn on_received(&mut self, now: Duration) {
        let Some(gap) = self.silence.heard(now) else {
            return;
        };
        if gap >= self.terms.least_gap {
            self.window.push(gap.min(self.overdue));
            self.overdue = self.trip();
        }
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
