//! What a client says of itself.

use std::fmt;
use std::time::Duration;

use ayt_core::session::frame::Retry;
use ayt_core::session::reconnect::Stop;
use ayt_core::session::traffic::{Numbers, cost};
use bytes::Bytes;

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// A connection is being made or registered.
    Connecting,
    /// Registered.
    Registered,
    /// Registered, and the server's heartbeat is overdue.
    Suspect,
    /// Registered, and the end of the connection is decided: what is in flight is
    /// still read.
    Leaving,
    /// Not connected; the next attempt comes after the wait.
    Waiting,
    /// Ended; it does not come back by itself.
    Stopped,
}

/// A moment of a client, as [`state`](super::Client::state) gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Where it stands.
    pub status: Status,
    /// Attempts in a row without success; 0 where the session has stood for the cap
    /// of the pace since, or nothing was lost yet.
    pub attempts: u32,
    /// The epoch of the last registration.
    pub epoch: Option<u64>,
    /// Where both directions of the present session stand.
    pub numbers: Numbers,
    /// The last round trip that was measured.
    pub round_trip: Option<Duration>,
}

/// Why a client does not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stopped {
    /// [`close`](super::Client::close), with everything acknowledged or its time
    /// over: the numbers tell.
    Closed,
    /// [`abort`](super::Client::abort) or [`suspend`](super::Client::suspend), or
    /// the handle was dropped.
    Aborted,
    /// The server has ended it.
    Server(Stop),
    /// TLS failed in a way that stays until a person does something, and the program
    /// wanted to stop then ([`tls_failure_stops`](super::Builder::tls_failure_stops)).
    #[cfg(feature = "tls")]
    Tls(crate::tls::Failure),
}

impl Stopped {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Closed => "this program closed it",
            Self::Aborted => "this program broke it off",
            Self::Server(Stop::Done) => "the session is over",
            Self::Server(Stop::Superseded) => {
                "another device with the same identity took over: give each device its own, and \
                 start this one again if it is the right one"
            }
            Self::Server(Stop::NotAuthorised) => {
                "the key, the certificate or the secret is wrong: check it on both sides"
            }
            Self::Server(Stop::Version) => {
                "the server does not speak this version of the protocol: update one of both"
            }
            Self::Server(Stop::Kicked) => "the server's program wants this device gone",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "TLS fails until somebody does something about it",
            Self::Server(Stop::ToldNever(_)) => "the server told it not to come back",
        }
    }
}

/// The end of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub stopped: Stopped,
    /// What was said about it; may be empty. It was written by the other side:
    /// show it escaped, as [`fmt::Display`] does.
    pub text: String,
    /// How many messages the server had sent by its BYE that never came, and are lost
    /// with the session.
    pub missing: u64,
    /// Where both directions of the last session stood.
    pub numbers: Numbers,
}

impl Ended {
    /// It ended as it should, everything this side sent was acknowledged, and
    /// everything the server sent by its BYE has come.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        matches!(self.stopped, Stopped::Closed | Stopped::Server(Stop::Done))
            && self.numbers.unacknowledged() == 0
            && self.missing == 0
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stopped.sentence())?;
        if let Stopped::Server(Stop::ToldNever(reason)) = self.stopped {
            write!(f, ": {}", super::loss::words(reason))?;
        }
        #[cfg(feature = "tls")]
        if let Stopped::Tls(failure) = self.stopped {
            write!(f, ": {}: {}", failure.sentence(), failure.remedy())?;
        }
        if !self.text.is_empty() {
            write!(f, " ({})", self.text.escape_debug())?;
        }
        match self.numbers.unacknowledged() {
            0 => {}
            1 => f.write_str("; one message was not acknowledged")?,
            open => write!(f, "; {open} messages were not acknowledged")?,
        }
        // Closing waits for what is open, for its time.
        if self.stopped == Stopped::Closed && self.numbers.unacknowledged() > 0 {
            f.write_str(" in time")?;
        }
        match self.missing {
            0 => Ok(()),
            1 => f.write_str("; one message of the server's never came"),
            lost => write!(f, "; {lost} messages of the server's never came"),
        }
    }
}

/// Messages of a session that is gone, which the server has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The number the first of them had.
    pub first: u64,
    /// The last number that was ever sent. Messages above it have certainly not
    /// arrived.
    pub sent: u64,
    /// Up to where the server said it had handed messages over: those are not
    /// among `messages`, and the rest has not been handed over. `None` where the
    /// server did not know the session any more: messages up to `sent` may or may
    /// not have arrived.
    pub handed_over: Option<u64>,
    /// The messages, in order. Shared with what was sent, not copied.
    pub messages: Vec<Bytes>,
}

impl Undelivered {
    pub(super) fn cost(&self) -> u64 {
        self.messages.iter().map(|m| cost(m.len())).sum()
    }
}

/// What a server that is doubted is taken to have said instead of "never".
pub(super) fn longest_wait(cap: Duration) -> Retry {
    Retry::After(u32::try_from(cap.as_millis()).unwrap_or(u32::MAX - 1))
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_one_sentence() {
        let ended = |stopped, text: &str, open: u64, missing| {
            let ended = Ended {
                stopped,
                text: text.to_owned(),
                missing,
                numbers: Numbers {
                    accepted: 5 + open,
                    sent: 5 + open,
                    acknowledged: 5,
                    ..Numbers::default()
                },
            };
            ended.to_string()
        };
        let done = Stopped::Server(Stop::Done);
        for (sentence, expected) in [
            (ended(Stopped::Closed, "", 0, 0), "this program closed it"),
            (
                ended(Stopped::Closed, "", 1, 0),
                "this program closed it; one message was not acknowledged in time",
            ),
            (
                ended(Stopped::Closed, "", 3, 0),
                "this program closed it; 3 messages were not acknowledged in time",
            ),
            (
                ended(Stopped::Aborted, "", 3, 0),
                "this program broke it off; 3 messages were not acknowledged",
            ),
            (
                ended(done, "bye\n", 0, 2),
                "the session is over (bye\\n); 2 messages of the server's never came",
            ),
            (
                ended(done, "", 1, 1),
                "the session is over; one message was not acknowledged; one message of the \
                 server's never came",
            ),
        ] {
            assert_eq!(sentence, expected);
        }
    }
}
