//! Why a client gives up.

use crate::session::codec::{FrameError, Kind, bounded_text};
use crate::session::frame::{Bye, Method, Reason, Retry};
use crate::session::handshake::BadDeadline;

/// Why a client gives up. [`Self::bye`] is what to send before closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A setting that no HELLO can say.
    #[error("this client cannot be set up so: {0}")]
    Settings(#[source] FrameError),
    /// A deadline out of range.
    #[error(transparent)]
    Deadline(#[from] BadDeadline),
    /// A frame that has no place here.
    #[error("the server sent {kind} where {awaited} was awaited")]
    Unexpected {
        /// What came.
        kind: Kind,
        /// What should have.
        awaited: Kind,
    },
    /// Another method than this client was set up for. With a key: somebody may be in
    /// between who has none.
    #[error(
        "the server asks for {}, this client was set up for {}: nothing was proved to it; \
         set both up alike",
        method_name(*.offered), method_name(*.agreed)
    )]
    Method {
        /// The server's.
        offered: Method,
        /// This client's.
        agreed: Method,
    },
    /// The server has another key, or none.
    #[error("the server did not prove that it has this identity's key: check both keys")]
    ServerMac,
    /// A mac where none was agreed.
    #[error("the server's WELCOME has a mac that was not asked for")]
    MacUnasked,
    /// The server resumed, or knows, what was not to be resumed.
    #[error("the server answers a resume that was not asked for")]
    NotAsked,
    /// The server resumed another session than that asked for.
    #[error("the server resumed another session than the one asked for")]
    OtherSession,
    /// The server has received more than was sent: one of both has lost what it knew,
    /// and the session cannot be mended.
    #[error(
        "the server has message {received} of a session in which {sent} was the last one \
         sent: one side has lost its state; register anew"
    )]
    NeverSent {
        /// The server's number.
        received: u64,
        /// This side's.
        sent: u64,
    },
    /// A beat shorter than this client keeps, or than it cares to hear.
    #[error(
        "the server asks for a beat of {asked} ms, and this client goes on with none below \
         {least} ms: raise the server's floor, or lower this client's least beat"
    )]
    BeatTooShort {
        /// The server's, milliseconds.
        asked: u32,
        /// This client's least, milliseconds.
        least: u32,
    },
    /// A spare connection that was welcomed like a session.
    #[error("the server's WELCOME to a spare connection is that of a session")]
    SpareTerms,
    /// No WELCOME within the registration deadline.
    #[error("the server did not finish the registration in time")]
    TooLate,
    /// It is over already.
    #[error("this registration is over")]
    Over,
}

const fn method_name(method: Method) -> &'static str {
    match method {
        Method::None => "no proof",
        Method::Hmac => "the proof of a key",
        Method::Certificate => "a certificate",
    }
}

impl ClientError {
    /// The frame to send before closing; `None` where nothing was said yet, or all is,
    /// or nothing must be.
    #[must_use]
    pub fn bye(&self) -> Option<Bye> {
        let reason = match self {
            Self::Settings(_) | Self::Deadline(_) | Self::Over => return None,
            // A frame after WELCOME would make the old secret worthless, and the new
            // one is not taken up: the session is to be resumed with the old.
            Self::BeatTooShort { .. } => return None,
            Self::Method { .. } | Self::ServerMac => Reason::NotAuthorised,
            Self::TooLate => Reason::TooLate,
            Self::Unexpected { .. }
            | Self::MacUnasked
            | Self::NotAsked
            | Self::OtherSession
            | Self::NeverSent { .. }
            | Self::SpareTerms => Reason::ProtocolError,
        };
        Some(Bye {
            reason,
            retry: Retry::After(0),
            last: 0,
            text: bounded_text(&self.to_string()).to_owned(),
        })
    }

    /// Is the old session useless now? The next attempt is to register anew.
    #[must_use]
    pub const fn ends_session(&self) -> bool {
        matches!(self, Self::NeverSent { .. })
    }
}
