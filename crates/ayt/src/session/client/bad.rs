//! What is wrong with a client's settings.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::search::BadSearch;

/// A client that cannot be started as it was set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadClient {
    /// Its identity is empty or too long.
    #[error("an identity of {0} bytes: it must have 1 to 128")]
    Identity(usize),
    /// Nobody has said how both sides prove who they are.
    #[error("no credential: call `key`, `certificate` or `without_authentication`")]
    NoCredential,
    /// Nobody has said where to connect.
    #[error("nowhere to connect to: call `address` or `connector`")]
    NoAddress,
    /// An address that can never be connected to.
    #[error("the address {0:?} names no host and port, such as hub.example:7117")]
    Address(String),
    /// A session that was kept, and holds numbers that no session reaches: what it was
    /// read from is damaged.
    #[error("the session that was kept is damaged: begin without it")]
    Saved,
    /// Both an address and a connector.
    #[error("both an `address` and a `connector`: which one is meant?")]
    TwoWays,
    /// The device's certificate is to prove it, and it would connect without TLS.
    #[error(
        "a certificate proves this device, which is sent over TLS only: call `tls`, or connect \
         by a `connector` that does TLS"
    )]
    CertificateWithoutTls,
    /// It is not known whose certificate the server must have.
    #[cfg(feature = "tls")]
    #[error("{0:?} is no name that a certificate could have: say which is by `server_name`")]
    ServerName(String),
    /// The TLS configuration speaks other protocols only.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Alpn(#[from] crate::tls::BadAlpn),
    /// Keepalive settings that cannot be had.
    #[error(transparent)]
    Sockets(#[from] crate::session::BadSockets),
    /// The search cannot be.
    #[error("the search: {0}")]
    Search(#[from] BadSearch),
    /// A time out of range.
    #[error("{what} {value:?} is out of range {range:?}")]
    Time {
        /// Which.
        what: &'static str,
        /// Its value.
        value: Duration,
        /// What is possible.
        range: RangeInclusive<Duration>,
    },
    /// A size out of range, bytes.
    #[error("{what} of {value} bytes is out of range {range:?}")]
    Size {
        /// Which.
        what: &'static str,
        /// Its value.
        value: u32,
        /// What is possible.
        range: RangeInclusive<u32>,
    },
}
