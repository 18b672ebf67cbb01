//! Sessions that outlive their connections: the `ayt/1` protocol on tokio.
//!
//! A session is a conversation between a device and a server. Either side sends
//! messages; each arrives once, in order, whole, also when connections break on the way.
//! Both sides know within a known time when the other is gone. The bytes on the wire are
//! in `docs/protocol.md` of the project.
//!
//! A server and a device, a network loss, and a second device of the same name:
//!
//! ```
//! use std::collections::HashMap;
//! use ayt::session::client::{Stop, Stopped};
//! use ayt::session::server::Server;
//! use ayt::session::{Client, Key};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Both sides prove that they have this device's key: 16 to 64 random bytes.
//! let key = Key::new(&[7; 32])?;
//! let keys = HashMap::from([("meter-17".into(), key.clone())]);
//! let server = Server::builder().keys(keys).bind("127.0.0.1:0").await?;
//! let address = server.local_addr().ok_or("no listener")?.to_string();
//! let device = || Client::builder("meter-17").key(key.clone()).address(&address);
//!
//! let client = device().start()?;
//! client.send("21.5 °C").await?;
//! let mut session = server.accept().await.ok_or("no session")?;
//! assert_eq!(session.recv().await.as_deref(), Some("21.5 °C".as_bytes()));
//!
//! // The device's program ends and begins again. Its session goes on; so it would, by
//! // itself, over a cable that was pulled and put back.
//! let saved = client.suspend().await.ok_or("no session yet")?;
//! session.send("report hourly").await?;
//! let client = device().restore(saved).start()?;
//! assert_eq!(client.recv().await.as_deref(), Some(&b"report hourly"[..]));
//!
//! // Another one with the same identity takes over: the newest stays, by default.
//! let newer = device().start()?;
//! newer.registered().await.map_err(|ended| ended.to_string())?;
//! assert_eq!(client.ended().await.stopped, Stopped::Server(Stop::Superseded));
//! newer.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//!
//! - [`Client`]: one task that connects, registers, moves bytes, waits and comes back;
//!   its [events](client::Event) are for the user interface.
//! - [`server::Server`]: accepts [sessions](server::Session), not connections. Its
//!   [limits](server::Limits) are all timers and bounds, with their defaults.
//! - [`client::search`]: how seldom a heartbeat may go out on the network in use.
//! - [`store`]: who owns an identity, where several servers share the answer.
//!
//! # When a message counts
//!
//! `send` is ready when the message is kept, `recv` acknowledges the message **before**:
//! asking for the next one says that the last is done with (`done` says it without
//! asking). A program that crashes in between gets it again. What may be lost, and that
//! nothing is lost in silence, is said in docs/protocol.md, "What may be lost".

pub mod client;
mod driver;
pub mod server;
mod sockets;
pub mod store;
mod transport;
mod wire;

pub use ayt_core::session::codec::FrameError;
pub use ayt_core::session::frame::{Reason, Refuse, Retry};
pub use ayt_core::session::link::{End, Fate};
pub use ayt_core::session::proof::{Key, KeyLength};
pub use ayt_core::session::traffic::{CannotResume, Numbers, OfferError};
pub use client::Client;
#[cfg(feature = "tls")]
pub(crate) use driver::Below;
pub use driver::{SendError, SessionEnd};
pub use sockets::BadSockets;
