//! Why a connection ended: one typed cause, wherever the end shows.
//!
//! [`Watched`](crate::watched::Watched) gives its reads and writes an
//! [`io::Error`] that carries an [`Ended`], and keeps the error's kind. The cause
//! can be had in three ways:
//!
//! - [`Watched::cause`](crate::watched::Watched::cause), or the same of a
//!   [`Handle`](crate::watched::Handle), also after a clean end of bytes;
//! - [`find`], out of any error that has it somewhere inside: those of hyper,
//!   tonic, reqwest, tungstenite, rustls;
//! - [`of`], for an error of a plain socket.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

pub use ayt_core::cause::Cause;
pub use ayt_core::end::{EndFacts, Sign, SocketAtEnd, System};
pub use ayt_core::facts::TcpInfo;
pub use ayt_core::tcp_state::TcpState;
use tokio::net::TcpStream;

/// A connection's end as an error: inside the [`io::Error`] of a read or a write,
/// from which [`find`] takes it.
#[derive(Debug, Clone)]
pub struct Ended {
    cause: Cause,
    peer: Option<SocketAddr>,
    source: Option<Arc<io::Error>>,
}

impl Ended {
    pub(crate) const fn new(cause: Cause, peer: Option<SocketAddr>) -> Self {
        Self {
            cause,
            peer,
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: io::Error) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The cause.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// The peer, where it is known.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The kind of the [`io::Error`] this becomes: that of the kernel's error
    /// where there was one.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        if let Some(source) = &self.source {
            return source.kind();
        }
        match self.cause {
            Cause::KeepaliveTimeout
            | Cause::RetransmitTimeout
            | Cause::UserTimeout
            | Cause::TimedOut
            | Cause::Unanswered
            | Cause::HeartbeatMissed
            | Cause::NeverRegistered => ErrorKind::TimedOut,
            Cause::PeerReset => ErrorKind::ConnectionReset,
            Cause::PeerClosed => ErrorKind::BrokenPipe,
            Cause::Unreachable => ErrorKind::HostUnreachable,
            Cause::Refused | Cause::Superseded | Cause::Destroyed | Cause::LocalClose => {
                ErrorKind::ConnectionAborted
            }
            Cause::ProtocolError => ErrorKind::InvalidData,
            Cause::Truncated => ErrorKind::UnexpectedEof,
            Cause::Failed => ErrorKind::Other,
        }
    }
}

const WORDS: &str = "the connection";
const ENDED: &str = " ended: ";

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{WORDS} with {peer}{ENDED}")?,
            None => write!(f, "{WORDS}{ENDED}")?,
        }
        f.write_str(self.cause.sentence())?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl Error for Ended {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<Ended> for io::Error {
    fn from(ended: Ended) -> Self {
        Self::new(ended.kind(), ended)
    }
}

/// The cause of an error of a plain TCP socket, with what the kernel still knows
/// of it (Linux; elsewhere the error's number alone). Call it while the stream is
/// still open. `None` for errors that end nothing, such as `WouldBlock`.
///
/// `SO_ERROR` is not read, so nothing is taken from anybody.
#[must_use]
pub fn of(error: &io::Error, stream: &TcpStream) -> Option<Cause> {
    if let Some(ended) = carried(error) {
        return Some(ended.cause);
    }
    let facts = EndFacts {
        socket: socket_at_end(stream),
        ..facts()
    };
    Cause::of(error, &facts)
}

/// The [`Ended`] in an error, or in what caused it, at any depth.
#[must_use]
pub fn ended<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Ended> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ended) = error.downcast_ref::<Ended>() {
            return Some(ended);
        }
        // An `io::Error` passes over what it carries when asked for its source.
        let carried = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match carried {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The cause in an error of any library: that of an [`Ended`] somewhere inside,
/// else that of the first [`io::Error`], by its number alone. `None` where neither
/// is found, or the error ends nothing.
///
/// The `h2` crate, and so HTTP/2 in hyper, reqwest and tonic, gives one error to
/// many requests and streams, and keeps only its words, for the body of an answer even
/// without an `io::Error`: the words of an [`Ended`] are recognised.
#[must_use]
pub fn find(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(ended) = ended(error) {
        return Some(ended.cause);
    }
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(cause) = recognised(&error.to_string()) {
            return Some(cause);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Cause::of(error, &facts());
        }
        next = error.source();
    }
    None
}

/// The cause in what an [`Ended`] says of itself.
fn recognised(words: &str) -> Option<Cause> {
    let (_, what) = words
        .strip_prefix(WORDS)
        .and_then(|rest| rest.split_once(ENDED))?;
    Cause::ALL
        .into_iter()
        .find(|cause| what.starts_with(cause.sentence()))
}

/// What the kernel knows of a TCP socket, `None` where it does not tell.
pub(crate) fn socket_at_end(stream: &TcpStream) -> Option<SocketAtEnd> {
    ayt_sys::own::at_end(stream).ok()
}

/// Facts that know only the system.
pub(crate) fn facts() -> EndFacts {
    EndFacts {
        system: ayt_sys::own::SYSTEM,
        ..EndFacts::default()
    }
}

fn carried(error: &io::Error) -> Option<&Ended> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    /// What `h2` gives to a body.
    #[derive(Debug)]
    struct Words(String);

    impl fmt::Display for Words {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }

    impl Error for Words {}

    fn addr() -> SocketAddr {
        "192.0.2.1:7".parse().unwrap()
    }

    #[test]
    fn the_end_is_found_at_any_depth() {
        let ended_error = || io::Error::from(Ended::new(Cause::HeartbeatMissed, Some(addr())));
        let nested = Outer(io::Error::other(Outer(ended_error())));
        assert_eq!(find(&nested), Some(Cause::HeartbeatMissed));
        assert_eq!(ended(&nested).and_then(Ended::peer), Some(addr()));
        assert_eq!(find(&ended_error()), Some(Cause::HeartbeatMissed));
    }

    #[test]
    fn a_plain_error_is_read_by_its_number() {
        let reset = Outer(io::Error::from(ErrorKind::ConnectionReset));
        assert_eq!(find(&reset), Some(Cause::PeerReset));
        assert_eq!(find(&io::Error::from(ErrorKind::WouldBlock)), None);
        assert_eq!(find(&fmt::Error), None);
    }

    #[test]
    fn kind_words_and_source_of_the_kernels_error_stay() {
        let reset = io::Error::from(ErrorKind::ConnectionReset);
        let error: io::Error = Ended::new(Cause::PeerReset, Some(addr()))
            .with_source(reset)
            .into();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(
            error.to_string(),
            "the connection with 192.0.2.1:7 ended: the peer does not know this connection \
             (RST) (connection reset)"
        );
        let source = ended(&error).and_then(Error::source).unwrap();
        assert!(source.to_string().contains("connection reset"));
    }

    #[test]
    fn every_cause_makes_an_error_with_a_kind() {
        for cause in Cause::ALL {
            let error: io::Error = Ended::new(cause, None).into();
            assert_ne!(error.kind(), ErrorKind::WouldBlock);
            assert_eq!(find(&error), Some(cause));
            for peer in [None, Some(addr())] {
                let words = Ended::new(cause, peer).to_string();
                let error = Outer(io::Error::other(words));
                assert_eq!(find(&error), Some(cause), "only its words are left");
                let words = Ended::new(cause, peer).to_string();
                assert_eq!(find(&Words(words)), Some(cause), "of no error of I/O");
            }
        }
        let other = io::Error::other("the connection ended: for no reason");
        assert_eq!(find(&other), Some(Cause::Failed));
    }
}
