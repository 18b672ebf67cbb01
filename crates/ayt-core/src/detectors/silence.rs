//! One silence and its stages, the same for every detector: they differ in how
//! long the first stage is.
//!
//! ```text
//!             overdue since the last byte           challenge after Suspect
//!  Listening ----------------------------> Suspected ----------------------> Silent
//!      ^  ^                                    |                                |
//!      |  +---------------- a byte ------------+--------------------------------+
//!      +--- resume --- Paused <--- pause --- Listening, Suspected
//! ```
//!
//! A peer that cannot be asked goes from Listening to Silent after the sum of both
//! times. `Silent` is left by a byte only: not by pausing, which proves nothing.

use std::time::Duration;

use super::Judgement;
use crate::compact::Nanos;

/// How long the stages are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stages {
    /// Since the last byte, until the peer is overdue.
    pub(super) overdue: Duration,
    /// After that, or after it was asked, until it has had its time.
    pub(super) challenge: Duration,
    /// How late a poll may be and still judge.
    pub(super) lateness: Duration,
    /// It cannot be asked.
    pub(super) one_way: bool,
}

/// One silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    stage: Stage,
    /// When it began.
    since: Nanos,
    /// When the peer was asked, while it is suspected.
    asked: Nanos,
    /// It began with a byte, and all of it was listened to.
    whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Listening,
    /// Asked.
    Suspected,
    Silent,
    Paused,
}

impl Silence {
    /// Listening begins.
    pub(super) const fn new(now: Duration) -> Self {
        Self {
            stage: Stage::Listening,
            since: Nanos::new(now),
            asked: Nanos::new(now),
            whole: false,
        }
    }

    /// A byte ends it and begins the next. Returns how long it was, if it had
    /// begun with a byte and nothing in between kept us from listening.
    pub(super) fn heard(&mut self, now: Duration) -> Option<Duration> {
        if self.stage == Stage::Paused {
            // `resume` will begin a new one.
            return None;
        }
        let gap = now.saturating_sub(self.since.get());
        let whole = std::mem::replace(&mut self.whole, true);
        self.stage = Stage::Listening;
        self.since = self.since.max(now.into());
        whole.then_some(gap)
    }

    pub(super) fn pause(&mut self) {
        if self.stage != Stage::Silent {
            self.stage = Stage::Paused;
        }
    }

    pub(super) fn resume(&mut self, now: Duration) {
        if self.stage == Stage::Paused {
            self.restart(now);
        }
    }

    /// When to poll.
    pub(super) fn deadline(&self, stages: &Stages) -> Option<Duration> {
        match self.stage {
            Stage::Listening if stages.one_way => Some(
                self.since
                    .get()
                    .saturating_add(stages.overdue)
                    .saturating_add(stages.challenge),
            ),
            Stage::Listening => Some(self.since.get().saturating_add(stages.overdue)),
            Stage::Suspected => Some(self.asked.get().saturating_add(stages.challenge)),
            Stage::Silent | Stage::Paused => None,
        }
    }

    pub(super) fn poll(&mut self, now: Duration, stages: &Stages) -> Judgement {
        let Some(deadline) = self.deadline(stages) else {
            return match self.stage {
                Stage::Silent => Judgement::Silent,
                _ => Judgement::Alive,
            };
        };
        let Some(late) = now.checked_sub(deadline) else {
            return Judgement::Alive;
        };
        if late > stages.lateness {
            self.restart(now);
            return Judgement::Late(late);
        }
        if self.stage == Stage::Listening && !stages.one_way {
            // The peer has all of its time from when it is asked, however late we are.
            (self.stage, self.asked) = (Stage::Suspected, now.into());
            return Judgement::Suspect;
        }
        self.stage = Stage::Silent;
        Judgement::Silent
    }

    /// How long nothing has been heard; `None` while nobody listens.
    pub(super) fn lasted(&self, now: Duration) -> Option<Duration> {
        (self.stage != Stage::Paused).then(|| now.saturating_sub(self.since.get()))
    }

    fn restart(&mut self, now: Duration) {
        *self = Self::new(self.since.get().max(now));
    }
}
