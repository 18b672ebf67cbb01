//! What the server's half asks of its caller, and what it is answered.

use crate::session::codec::FrameError;
use crate::session::frame::{Bits128, Bye, Challenge, Frame, Hello, Refuse, Welcome};
use crate::session::proof::Secret;

/// What is to be done.
#[derive(Debug)]
pub enum ServerStep {
    /// Send it; PROOF is awaited.
    Challenge(Challenge),
    /// Look up the identity's key, and call [`Server::key`](super::Server::key).
    FindKey,
    /// Does the client's certificate name the identity? Call [`Server::certificate`](super::Server::certificate).
    CheckCertificate,
    /// Look up this session of this identity, and call [`Server::session`](super::Server::session).
    FindSession(Bits128),
    /// The client is who it says. Decide, and call [`Server::admit`](super::Server::admit) or
    /// [`Server::refuse`](super::Server::refuse).
    Decide(Request),
    /// Registered: send it. Payloads up to the announced size are taken from now on.
    Registered(Welcome),
    /// Send it, and close.
    Refused(Refuse),
    /// The client gave up and said why: close.
    Gone(Bye),
}

impl ServerStep {
    /// The frame to send, where there is one.
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        match self {
            Self::Challenge(challenge) => Some(Frame::Challenge(*challenge)),
            Self::Registered(welcome) => Some(Frame::Welcome(*welcome)),
            Self::Refused(refuse) => Some(Frame::Refuse(refuse.clone())),
            Self::FindKey
            | Self::CheckCertificate
            | Self::FindSession(_)
            | Self::Decide(_)
            | Self::Gone(_) => None,
        }
    }
}

/// What a client that has proved itself asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who, what for, and its wishes.
    pub hello: Hello,
    /// Its old session.
    pub resume: ResumeRequest,
}

/// What is known of the session that a client wants to resume.
#[derive(Debug, Clone)]
pub enum ResumeRequest {
    /// It does not want to.
    NotAsked,
    /// There is no such session: it can only be registered anew.
    Unknown,
    /// It has proved that the session is its own. Still to be decided: whether it is
    /// kept, whether the numbers of both sides and what the client takes fit it, and
    /// that nobody else has resumed it meanwhile. If not, [`Admission::New`] tells the
    /// client what is [known](Admission::New::known).
    Proved {
        /// The session's name.
        session: Bits128,
        /// The highest number handed over at the client, as it says.
        received: u64,
        /// The secret that proved it, for [`ResumeSecrets::renew`](crate::session::handshake::ResumeSecrets::renew).
        by: Secret,
    },
}

/// How a client is admitted.
#[derive(Debug, Clone)]
pub enum Admission {
    /// With a new session.
    New {
        /// Larger than any before of this identity.
        epoch: u64,
        /// The session's name: 128 random bits.
        session: Bits128,
        /// 128 random bits.
        secret: Secret,
        /// The highest number handed over here of the session that could not be
        /// resumed, where that is remembered and was proved.
        known: Option<u64>,
    },
    /// With its old session, under its old name.
    Resumed {
        /// The session's epoch.
        epoch: u64,
        /// 128 random bits, new.
        secret: Secret,
        /// The highest number handed over here.
        received: u64,
    },
    /// As a spare connection.
    Spare,
}

/// A call that has no place: a mistake in the caller, not in the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// Not the answer to what was asked last.
    #[error("the handshake did not ask for this, or is over")]
    NotAsked,
    /// A resume, or what is known of a session, that nobody has proved a right to.
    #[error("no right to that session was proved")]
    NotProved,
    /// A spare connection admitted as a session, or the other way round.
    #[error("a spare connection has no session, and only it has none")]
    Mode,
    /// Terms that WELCOME cannot say.
    #[error("terms that cannot be sent: {0}")]
    Terms(#[source] FrameError),
}
