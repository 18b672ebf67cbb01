//! How a connection ends: one cause, decided in one place.

use crate::cause::Cause;
use crate::session::frame::{Bye, Reason, Retry};
use crate::session::violation::Violation;

/// What becomes of the session when its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It waits to be resumed.
    Stays,
    /// It is over.
    Ends,
}

/// What ends a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// The peer's heartbeat stayed out.
    Silence,
    /// The peer broke the protocol.
    Violation(Violation),
    /// The peer said BYE.
    PeerBye {
        /// What it said.
        bye: Bye,
        /// The last message that came from it.
        received: u64,
    },
    /// The peer closed without BYE.
    PeerFin,
    /// The transport failed, as the driver has found (RST, a timeout of the
    /// kernel's, unreachable).
    Transport(Cause),
    /// This side's program, or its registry, ends it with BYE.
    Own {
        /// What BYE says.
        reason: Reason,
        /// When the other may come back.
        retry: Retry,
        /// For a person.
        text: String,
    },
    /// The session goes on over another connection.
    Moved,
}

/// The end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub cause: Cause,
    /// What becomes of the session.
    pub fate: Fate,
    /// What BYE said, ours or the peer's; `None` where none was said.
    pub reason: Option<Reason>,
    /// The peer said it.
    pub by_peer: bool,
    /// When to come back, as BYE said.
    pub retry: Option<Retry>,
    /// For a person: what BYE said, or what the peer did wrong; may be empty.
    pub text: String,
    /// How many messages the peer had sent by its BYE that never came here: they were
    /// lost with an earlier connection and not sent again. Where the session ends they
    /// are lost for good; 0 where the peer said no BYE.
    pub missing: u64,
}

impl Reason {
    /// What becomes of the session after a BYE with this reason
    /// (docs/protocol.md, "Goodbye").
    #[must_use]
    pub const fn fate(self) -> Fate {
        match self {
            Self::Done | Self::Superseded | Self::Kicked => Fate::Ends,
            Self::ShuttingDown
            | Self::HeartbeatMissed
            | Self::ProtocolError
            | Self::NotAuthorised
            | Self::IdentityInUse
            | Self::Flapping
            | Self::Overloaded
            | Self::TooLate
            | Self::Version => Fate::Stays,
        }
    }
}

impl End {
    /// The one place where a cause is decided.
    #[must_use]
    pub fn of(trigger: Trigger) -> Self {
        let silent = |cause, fate| Self {
            cause,
            fate,
            reason: None,
            by_peer: false,
            retry: None,
            text: String::new(),
            missing: 0,
        };
        match trigger {
            Trigger::Silence => Self {
                reason: Some(Reason::HeartbeatMissed),
                retry: Some(Retry::After(0)),
                ..silent(Cause::HeartbeatMissed, Fate::Stays)
            },
            Trigger::Violation(violation) => Self {
                reason: Some(Reason::ProtocolError),
                retry: Some(Retry::After(0)),
                text: violation.to_string(),
                ..silent(Cause::ProtocolError, Fate::Stays)
            },
            Trigger::PeerBye { bye, received } => Self {
                cause: match bye.reason {
                    Reason::Superseded => Cause::Superseded,
                    Reason::HeartbeatMissed => Cause::HeartbeatMissed,
                    Reason::ProtocolError => Cause::ProtocolError,
                    Reason::TooLate => Cause::NeverRegistered,
                    Reason::Done
                    | Reason::ShuttingDown
                    | Reason::NotAuthorised
                    | Reason::IdentityInUse
                    | Reason::Flapping
                    | Reason::Overloaded
                    | Reason::Version
                    | Reason::Kicked => Cause::PeerClosed,
                },
                fate: bye.reason.fate(),
                reason: Some(bye.reason),
                by_peer: true,
                retry: Some(bye.retry),
                text: bye.text,
                missing: bye.last.saturating_sub(received),
            },
            Trigger::PeerFin => silent(Cause::PeerClosed, Fate::Stays),
            Trigger::Transport(cause) => silent(cause, Fate::Stays),
            Trigger::Own {
                reason,
                retry,
                text,
            } => Self {
                cause: if reason == Reason::Superseded {
                    Cause::Superseded
                } else {
                    Cause::LocalClose
                },
                fate: reason.fate(),
                reason: Some(reason),
                by_peer: false,
                retry: Some(retry),
                text,
                missing: 0,
            },
            Trigger::Moved => silent(Cause::Superseded, Fate::Stays),
        }
    }
}
