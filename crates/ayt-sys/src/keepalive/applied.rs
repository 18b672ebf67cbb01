//! What came of applying a policy.

use std::io;

use ayt_core::keepalive::{
    Bound, Detection, Downgrade, Found, Kernel, Os, Outage, Settings, SubSecond,
};

/// What came of applying a policy: the settings before, those in effect now as the
/// system tells them, and what could not be had as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a downgrade is told here and nowhere else"]
pub struct Applied {
    /// The system this ran on.
    pub os: Os,
    /// In effect before. What was never set is the system's value of that moment,
    /// and stays so only until it is set: a policy pins what it sets.
    pub before: Settings,
    /// In effect now, read back.
    pub after: Settings,
    /// What could not be had as asked. Empty where everything is in effect.
    pub downgrades: Vec<Downgrade>,
}

const UNREAD: &str = "the system does not tell all settings in effect";

impl Applied {
    /// When a death is now found, from what was read back.
    #[must_use]
    pub fn detection(&self, kernel: &Kernel) -> Detection {
        match self.after.effective() {
            Some(settings) => self.os.detection(&settings, kernel),
            None => Detection {
                idle: Found::Unknown(UNREAD),
                in_flight: Found::Unknown(UNREAD),
            },
        }
    }

    /// The shortest outage that now kills, from what was read back.
    #[must_use]
    pub fn outage(&self, kernel: &Kernel) -> Outage {
        match self.after.effective() {
            Some(settings) => self.os.outage(&settings, kernel),
            None => Outage {
                idle: Bound::Unknown(UNREAD),
                in_flight: Bound::Unknown(UNREAD),
            },
        }
    }
}

/// Why a policy was not applied, or settings not read.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The policy asks for less than a second where the system counts seconds.
    #[error(transparent)]
    SubSecond(#[from] SubSecond),
    /// ayt does not know the options of this system.
    #[error(
        "keepalive options of this system are not known to ayt: nothing was set; leave keepalive to the system or use heartbeats"
    )]
    UnknownSystem,
    /// A call failed.
    #[error(
        "{operation} on {socket}: {source}{}; a connected or listening TCP socket is needed",
        already(.done)
    )]
    Call {
        /// What was tried.
        operation: String,
        /// Which socket: its addresses, where it has any.
        socket: String,
        /// What had been set before, and stays set.
        done: Vec<&'static str>,
        /// What the system answered.
        source: io::Error,
    },
}

fn already(done: &[&'static str]) -> String {
    match done {
        [] => String::new(),
        done => format!(" (set before that, and still set: {})", done.join(", ")),
    }
}
