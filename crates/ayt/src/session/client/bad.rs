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
    /// Both an address and a connector.
    #[error("both an `address` and a `connector`: which one is meant?")]
    TwoWays,
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
