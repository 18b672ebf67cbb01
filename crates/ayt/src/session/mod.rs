//! Sessions that outlive their connections: the `ayt/1` protocol on tokio.

pub mod client;
mod driver;
pub mod server;
pub mod store;
mod wire;

pub use ayt_core::session::frame::{Reason, Retry};
pub use ayt_core::session::link::{End, Fate};
pub use ayt_core::session::proof::{Key, KeyLength};
pub use ayt_core::session::traffic::{Numbers, OfferError};
pub use client::Client;
#[cfg(feature = "tls")]
pub(crate) use driver::Below;
pub use driver::{SendError, SessionEnd};
