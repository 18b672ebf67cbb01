//! The time of sessions.

use std::time::Duration;

use tokio::time::Instant;

/// Offsets from one origin: the time of all sessions of a server or a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// The origin is now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the origin.
    pub(crate) fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// That time as the runtime's timers take it.
    pub(crate) fn at(self, offset: Duration) -> Instant {
        self.0 + offset
    }
}

/// A beat as the wire has it: 0 is none.
pub(crate) fn beat(ms: u32) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(ms.into()))
}
