//! How a session ends, and how it stands before the registry.

use std::io;

use ayt_core::cause::Cause;
use ayt_core::session::frame::Reason;
use ayt_core::session::traffic::{Accepts, CannotResume, Numbers, OfferError, Traffic};
use tokio::net::TcpStream;

use super::Core;

/// How a session ended: no connection will carry it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    /// Why.
    pub cause: Cause,
    /// What was said about it, by either side.
    pub reason: Option<Reason>,
    /// How many messages the other side had sent by its BYE that never came here, and
    /// are lost; 0 where it said no BYE.
    pub missing: u64,
    /// Where both directions stood: messages sent and not acknowledged may be lost.
    pub numbers: Numbers,
}

/// What an error of the transport says: out of what a watched stream below has said, else
/// out of the error's number or kind, and what the kernel still knows of the TCP socket
/// below, if there is one: which of its timers gave up.
pub(crate) fn cause_of(error: &io::Error, tcp: Option<&TcpStream>) -> Cause {
    if let Some(ended) = crate::cause::ended(error) {
        return ended.cause();
    }
    match error.kind() {
        io::ErrorKind::TimedOut => tcp
            .and_then(|tcp| crate::cause::of(error, tcp))
            .unwrap_or(Cause::TimedOut),
        // What encrypts has its own end, and this was not it.
        io::ErrorKind::UnexpectedEof => Cause::Truncated,
        io::ErrorKind::InvalidData => Cause::Failed,
        _ => match crate::cause::find(error) {
            // This side has not closed it yet: the other direction took the peer's RST.
            Some(Cause::LocalClose) => Cause::PeerReset,
            // A stream that fails with "not now" has failed: it must not answer so.
            cause => cause.unwrap_or(Cause::Failed),
        },
    }
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It can never be sent.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The session is over.
    #[error("the session is over: {}", .0.cause.sentence())]
    Over(SessionEnd),
}

/// How it stands before the registry.
impl Core {
    /// Bytes of cost that it keeps.
    pub(crate) fn cost(&self) -> u64 {
        let state = self.lock();
        state
            .traffic()
            .map_or(0, |traffic| traffic.replay_cost() + traffic.queued_cost())
    }

    /// Nothing that came in waits to be taken or done with.
    pub(crate) fn all_handed_over(&self) -> bool {
        self.lock().traffic().is_none_or(Traffic::all_handed_over)
    }

    /// See [`Traffic::settle`].
    pub(crate) fn settle(&self) -> Numbers {
        self.with_traffic(Traffic::settle).unwrap_or_default()
    }

    /// See [`Traffic::may_resume`].
    pub(crate) fn may_resume(&self, received: u64, accepts: Accepts) -> Result<(), CannotResume> {
        let state = self.lock();
        state
            .traffic()
            .map_or(Ok(()), |traffic| traffic.may_resume(received, accepts))
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::cause::Ended;

    #[test]
    fn an_error_of_the_transport_is_told_by_what_it_says_and_no_more() {
        for (kind, cause) in [
            // Nobody says which of the kernel's timers it was.
            (ErrorKind::TimedOut, Cause::TimedOut),
            (ErrorKind::ConnectionReset, Cause::PeerReset),
            (ErrorKind::BrokenPipe, Cause::PeerClosed),
            (ErrorKind::NotConnected, Cause::PeerReset),
            (ErrorKind::HostUnreachable, Cause::Unreachable),
            (ErrorKind::NetworkUnreachable, Cause::Unreachable),
            (ErrorKind::ConnectionAborted, Cause::Destroyed),
            (ErrorKind::UnexpectedEof, Cause::Truncated),
            (ErrorKind::InvalidData, Cause::Failed),
        ] {
            assert_eq!(cause_of(&kind.into(), None), cause, "{kind}");
        }
    }

    #[test]
    fn what_a_watched_stream_below_has_found_is_the_cause() {
        for cause in Cause::ALL {
            let error = io::Error::from(Ended::new(cause, None));
            assert_eq!(cause_of(&error, None), cause);
        }
    }
}
