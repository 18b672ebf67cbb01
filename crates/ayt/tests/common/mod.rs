//! What the tests share.

use std::time::Duration;

use ayt::watched::{Detector, Judgement};

/// Silent for so long is dead. More than half of it late is this process's own
/// lateness.
#[derive(Debug)]
pub(crate) struct Within {
    limit: Duration,
    since: Option<Duration>,
}

pub(crate) fn within(limit: Duration) -> Within {
    Within { limit, since: None }
}

impl Detector for Within {
    fn on_received(&mut self, now: Duration) {
        self.since = Some(now);
    }

    fn pause(&mut self, _now: Duration) {
        self.since = None;
    }

    fn resume(&mut self, now: Duration) {
        self.since = Some(now);
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.since.map(|since| since + self.limit)
    }

    fn poll(&mut self, now: Duration) -> Judgement {
        match self.next_deadline() {
            Some(deadline) if deadline + self.limit / 2 < now => {
                self.since = Some(now);
                Judgement::Late(now - deadline)
            }
            Some(deadline) if deadline <= now => {
                self.since = None;
                Judgement::Silent
            }
            _ => Judgement::Alive,
        }
    }
}
