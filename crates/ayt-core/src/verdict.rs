//! What ayt says of a connection.

use std::fmt;
use std::time::Duration;

use crate::cause::Cause;
use crate::fact::Why;

/// The verdict on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The peer's kernel answered.
    Alive {
        /// From the ask to the answer as seen here; `None` where the peer was
        /// heard without being asked.
        rtt: Option<Duration>,
    },
    /// Idle, and not asked.
    Quiet,
    /// Asked or overdue, not yet decided.
    Suspect(Suspicion),
    /// It is dead.
    Dead(Cause),
    /// It could not be asked, or the answer says nothing.
    Unknown(Why),
}

/// Why a connection is suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// A router says the peer cannot be reached; routes flap, so not yet death.
    Unreachable,
    /// Asked and silent so far.
    Silent,
    /// Idle for long with nothing that would notice the peer's death.
    Overdue,
    /// The peer answers, and this host drops what it sends before TCP has it.
    Unheard,
}

impl Verdict {
    /// The word for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Alive { .. } => "alive",
            Self::Quiet => "quiet",
            Self::Suspect(_) => "suspect",
            Self::Dead(_) => "dead",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The cause for machines: of a death, or of a suspicion.
    #[must_use]
    pub const fn cause_name(&self) -> Option<&'static str> {
        match self {
            Self::Dead(cause) => Some(cause.name()),
            Self::Suspect(Suspicion::Unreachable) => Some("unreachable"),
            Self::Suspect(Suspicion::Silent) => Some("unanswered"),
            Self::Suspect(Suspicion::Overdue) => Some("overdue"),
            Self::Suspect(Suspicion::Unheard) => Some("answer_dropped"),
            _ => None,
        }
    }

    /// It is dead, whatever the cause.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self, Self::Dead(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
