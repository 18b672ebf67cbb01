//! A detector that counts silences, as docs/protocol.md draws it.

use std::time::Duration;

use ayt_core::detectors::{Detector, Judgement};

/// Suspicion after `silence`, death after `challenge` more.
#[derive(Debug, Clone)]
pub(crate) struct Counting {
    beat: Duration,
    silence: Duration,
    challenge: Duration,
    since: Duration,
    suspected: bool,
    over: bool,
}

impl Counting {
    pub(crate) fn new(now: Duration, beat: Duration, misses: u32, challenge: Duration) -> Self {
        Self {
            beat,
            silence: beat * misses,
            challenge,
            since: now,
            suspected: false,
            over: false,
        }
    }
}

impl Detector for Counting {
    fn on_received(&mut self, now: Duration) {
        self.since = now;
        self.suspected = false;
    }

    fn pause(&mut self, _: Duration) {
        self.over = true;
    }

    fn resume(&mut self, now: Duration) {
        self.over = false;
        self.on_received(now);
    }

    fn next_deadline(&self) -> Option<Duration> {
        let more = if self.suspected {
            self.challenge
        } else {
            Duration::ZERO
        };
        (!self.over).then(|| self.since + self.silence + more)
    }

    fn poll(&mut self, now: Duration) -> Judgement {
        let Some(late) = self.next_deadline().and_then(|at| now.checked_sub(at)) else {
            return Judgement::Alive;
        };
        if late > self.beat {
            self.on_received(now);
            Judgement::Late(late)
        } else if self.suspected {
            self.over = true;
            Judgement::Silent
        } else {
            self.suspected = true;
            Judgement::Suspect
        }
    }
}
