//! Why there is no connection.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::codec::FrameError;
use ayt_core::session::frame::{Reason, Refuse, Retry};
use ayt_core::session::handshake::ClientError;
use ayt_core::session::link::End;
use ayt_core::session::reconnect::Lost;
use ayt_core::session::traffic::CannotResume;

use crate::session::wire::ReadError;
#[cfg(feature = "tls")]
use crate::tls::TlsError;

/// Why an attempt failed, or how a connection ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Loss {
    /// No connection could be made; the error names the addresses that were tried.
    Connect(Arc<io::Error>),
    /// The connection was not made within this time.
    ConnectTimeout(Duration),
    /// The operating system gave no random numbers, without which nothing can be
    /// proved.
    Random(Arc<io::Error>),
    /// TLS failed, or the server took this side's certificate amiss.
    #[cfg(feature = "tls")]
    Tls(TlsError),
    /// The connection broke during registration.
    Transport(Arc<io::Error>),
    /// The server closed the connection during registration, and did not say why.
    Closed,
    /// What the server sent is no `ayt/1`.
    Malformed(FrameError),
    /// The server, or who speaks for it, is not to be gone on with.
    Registration(ClientError),
    /// The server said no. Nobody has proved to be the server at this point.
    Refused(Refuse),
    /// Both sides remember different things of the session; the next one is new.
    Unfit(CannotResume),
    /// The program could not store the new secret
    /// ([`on_secret`](super::Builder::on_secret)).
    Store(Arc<io::Error>),
    /// A registered connection ended.
    Ended(End),
}

impl Loss {
    /// What the pace of coming back is judged by.
    /// `longest`: the longest wait by this side's own pace.
    #[cfg_attr(
        not(feature = "tls"),
        expect(unused_variables, reason = "only for TLS")
    )]
    pub(super) fn lost(&self, longest: Duration) -> Lost {
        match self {
            // It is as wrong a second later; but a server's certificate is renewed in
            // the end, and then every device must find back.
            #[cfg(feature = "tls")]
            Self::Tls(error) if error.failure().is_lasting() => Lost::Told {
                reason: Reason::Overloaded,
                retry: super::values::longest_wait(longest),
            },
            Self::Refused(refuse) => Lost::Told {
                reason: refuse.reason,
                retry: refuse.retry,
            },
            Self::Ended(end) => match end.reason {
                Some(reason) if end.by_peer => Lost::Told {
                    reason,
                    retry: end.retry.unwrap_or(Retry::After(0)),
                },
                Some(Reason::Done) => Lost::Ended,
                _ => Lost::Broken,
            },
            _ => Lost::Broken,
        }
    }
}

impl From<ReadError> for Loss {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Eof => Self::Closed,
            #[cfg(feature = "tls")]
            ReadError::Io(error) => match TlsError::within(error) {
                Ok(error) => Self::Tls(error),
                Err(error) => Self::Transport(Arc::new(error)),
            },
            #[cfg(not(feature = "tls"))]
            ReadError::Io(error) => Self::Transport(Arc::new(error)),
            ReadError::Frame(error) => Self::Malformed(error),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "{error}"),
            Self::ConnectTimeout(time) => write!(
                f,
                "no connection within {} s: is the address right, and does a firewall let it \
                 through?",
                time.as_secs_f64()
            ),
            Self::Random(error) => write!(f, "the system gave no random numbers: {error}"),
            #[cfg(feature = "tls")]
            Self::Tls(error) => write!(f, "{error}"),
            Self::Transport(error) => {
                write!(f, "the connection broke during registration: {error}")
            }
            Self::Closed => f.write_str("the server closed the connection during registration"),
            Self::Malformed(error) if error.looks_like_tls() => f.write_str(
                "what answers there speaks TLS, and this client does not: call `Builder::tls` \
                 (feature `tls`), or take the port without TLS",
            ),
            Self::Malformed(error) => {
                write!(f, "what answers there does not speak ayt/1: {error}")
            }
            Self::Registration(error) => write!(f, "{error}"),
            Self::Refused(refuse) => {
                write!(f, "the server refused: {}", words(refuse.reason))?;
                quoted(f, &refuse.text)
            }
            Self::Unfit(error) => write!(f, "the session cannot be resumed: {error}"),
            Self::Store(error) => {
                write!(f, "the session's new secret could not be stored: {error}")
            }
            Self::Ended(end) => match end.reason {
                Some(reason) if end.by_peer => {
                    write!(f, "the server said goodbye: {}", words(reason))?;
                    quoted(f, &end.text)?;
                    if end.missing > 0 {
                        write!(f, "; messages that had not come: {}", end.missing)?;
                    }
                    Ok(())
                }
                _ => {
                    f.write_str(end.cause.sentence())?;
                    quoted(f, &end.text)
                }
            },
        }
    }
}

impl std::error::Error for Loss {}

/// What the other side wrote is shown escaped: it may be anything.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    write!(f, " ({})", text.escape_debug())
}

/// A reason for people.
pub(super) const fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::Done => "the session is over",
        Reason::ShuttingDown => "it is shutting down",
        Reason::Superseded => "another device with the same identity took over",
        Reason::HeartbeatMissed => "it did not hear this side in time",
        Reason::ProtocolError => "this side broke the protocol",
        Reason::NotAuthorised => "the key, the certificate or the secret is wrong",
        Reason::IdentityInUse => "another device with the same identity is connected",
        Reason::Flapping => "devices with the same identity keep displacing each other",
        Reason::Overloaded => "it has too much to do",
        Reason::TooLate => "the registration took too long",
        Reason::Version => "it does not speak this version of the protocol",
        Reason::Kicked => "its program wants this device gone",
    }
}
