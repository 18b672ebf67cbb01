//! What follows from a silence that was survived, or was not, or proves nothing.

use std::time::Duration;

use super::bounds::Bounds;
use super::networks::Settled;
use super::terms::FAILURES;
use super::{Adaptive, Job, State};

/// First and longest rest after something that proves nothing; doubles in between.
const RESTS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3_600));

/// Ends that silence does not explain, in a row, before they are believed.
const DOUBTS: u8 = 3;

impl Adaptive {
    /// Begins where the memory of the network in use left off.
    pub(super) fn begin(&mut self) {
        self.failures = 0;
        self.voids = 0;
        self.doubts = 0;
        self.job = Job::Search;
        self.state = match self.networks.here().settled {
            Some(_) => State::Settled,
            None => State::Open,
        };
    }

    /// When SPEAK is to be there.
    pub(super) fn spoken_by(&self, silence: Duration, since: Duration) -> Duration {
        since
            .saturating_add(silence)
            .saturating_add(self.terms.answer)
    }

    /// When a longer silence is to be tried.
    pub(super) fn longer_at(&self) -> Option<Duration> {
        let known = self.networks.here();
        known.bounds.longer(&self.terms)?;
        Some(known.settled?.when(self.terms.longer_after))
    }

    /// What to try.
    pub(super) fn candidate(&self) -> Duration {
        let bounds = &self.networks.here().bounds;
        let silence = match self.job {
            Job::Search => bounds.candidate(&self.terms),
            Job::Verify => Some(self.result()),
            Job::Longer => bounds.longer(&self.terms),
        };
        silence.unwrap_or(self.terms.floor)
    }

    /// Whether the end of a spare after so long can be due to its silence: not if a
    /// clearly longer one is known to be survived.
    pub(super) fn explains(&self, lasted: Duration) -> bool {
        let good = match self.job {
            Job::Verify => None,
            Job::Search | Job::Longer => self.networks.here().bounds.good,
        };
        good.is_none_or(|good| lasted >= self.terms.interval(Some(good)))
    }

    /// The spare ended sooner than silence explains. If that goes on, what is known is
    /// what is wrong.
    pub(super) fn unexplained(&mut self, now: Duration) {
        self.doubts += 1;
        if self.doubts > DOUBTS {
            self.doubts = 0;
            if self.result() > self.terms.floor {
                self.job = Job::Verify;
            } else {
                self.networks.here_mut().bounds = Bounds::default();
            }
        }
        self.void(now, Duration::ZERO);
    }

    pub(super) fn survived(&mut self, silence: Duration, now: Duration) {
        self.failures = 0;
        self.voids = 0;
        self.doubts = 0;
        match self.job {
            // It was something else; nothing has changed.
            Job::Verify => {
                self.job = Job::Search;
                self.state = State::Settled;
            }
            Job::Search | Job::Longer => {
                self.job = Job::Search;
                self.networks.here_mut().bounds.survived(silence);
                self.go_on(State::Ready, now);
            }
        }
    }

    pub(super) fn failed(&mut self, silence: Duration, now: Duration) {
        self.voids = 0;
        self.doubts = 0;
        self.failures += 1;
        if self.failures < FAILURES {
            self.state = State::Open;
            return;
        }
        self.failures = 0;
        let known = self.networks.here_mut();
        let before = known.settled.and_then(|settled| settled.good);
        if self.job == Job::Verify {
            // What is in use is a little shorter than what was survived.
            known.bounds.good = Some(silence);
        }
        known.bounds.too_long(silence);
        match before {
            _ if known.bounds.good.is_some() => {}
            // It was one beyond the result of an earlier search, which still holds.
            Some(good) if good < silence && self.job != Job::Verify => {
                known.bounds = Bounds::new(before, Some(silence), true);
            }
            _ => known.settled = None,
        }
        self.job = Job::Search;
        self.go_on(State::Open, now);
    }

    /// Searches on, or is content.
    pub(super) fn go_on(&mut self, search: State, now: Duration) {
        let known = self.networks.here_mut();
        self.state = if known.bounds.candidate(&self.terms).is_some() {
            search
        } else {
            known.settled = Some(Settled::new(known.bounds.good, now));
            State::Settled
        };
    }

    /// What was being tried proves nothing.
    pub(super) fn void(&mut self, now: Duration, hint: Duration) {
        let rest = RESTS.0.saturating_mul(1 << self.voids.min(16)).min(RESTS.1);
        self.voids = self.voids.saturating_add(1);
        self.state = State::Resting(now.saturating_add(rest.max(hint)));
    }
}
