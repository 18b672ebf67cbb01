//! The client of `ayt/1`: keeps one session with one server, over as many
//! connections as it takes.
//!
//! ```no_run
//! # async fn device(key: ayt::session::Key) -> Result<(), Box<dyn std::error::Error>> {
//! use ayt::session::Client;
//!
//! let client = Client::builder("meter-17")
//!     .key(key)
//!     .address("hub.example:7117")
//!     .start()?;
//! client.send("21.5 °C").await?;
//! while let Some(order) = client.recv().await {
//!     println!("{order:?}");
//! }
//! println!("{}", client.ended().await);
//! # Ok(())
//! # }
//! ```
//!
//! **One task** owns everything: it connects, registers, moves bytes, waits and
//! comes back. It ends after [`Client::close`], [`Client::abort`],
//! [`Client::suspend`], when the server has said something that stops it, or when
//! the [`Client`] is dropped; nothing is left behind then.
//!
//! **Messages** are sent and received as if there were one connection that never
//! breaks. Each arrives once, in order, whole, as long as the session lives. When
//! the server has forgotten it, the program is told exactly what did not arrive, or
//! may not have ([`Event::NotResumed`]), and gets those messages back.
//!
//! **Over TLS** (feature `tls`): `Builder::tls`; see `ayt::tls`.
//!
//! **Events** say how it goes, for people to see: [`Client::event`].

mod bad;
mod builder;
mod connect;
mod event;
#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
mod handle;
mod loss;
mod random;
mod register;
mod saved;
pub mod search;
#[cfg(feature = "tls")]
mod secure;
mod settings;
mod shared;
mod spare;
mod task;
#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests;
mod values;

pub use ayt_core::session::handshake::ClientError;
pub use ayt_core::session::proof::Secret;
pub use ayt_core::session::reconnect::Stop;
pub use bad::BadClient;
pub use builder::Builder;
pub use event::{EVENTS, Event};
pub use handle::{Client, TrySendError};
pub use loss::Loss;
pub use saved::Saved;
pub use search::Search;
pub use spare::{BadSilence, Silence, Spare};
pub use values::{Ended, Snapshot, Status, Stopped, Undelivered};

use super::driver::SendError;
