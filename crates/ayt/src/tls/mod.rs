//! TLS by rustls: what both sides of a session, and the listener, have of it.
//!
//! ```no_run
//! use std::sync::Arc;
//! use ayt::session::{Client, Key, server::Server};
//! use ayt::tls::rustls::{ClientConfig, ServerConfig};
//!
//! # async fn f(
//! #     server: ServerConfig, client: ClientConfig, key: Key,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! // Devices prove themselves by their certificates, in which their identity stands.
//! let server = Server::builder()
//!     .certificates(ayt::tls::named)
//!     .tls(Arc::new(server))
//!     .bind("127.0.0.1:7117")
//!     .await?;
//! // And a device, here one with a key: the server's certificate must be of "hub.example".
//! let client = Client::builder("meter-17")
//!     .key(key)
//!     .tls(Arc::new(client))
//!     .address("hub.example:7117")
//!     .start()?;
//! # drop((server, client));
//! # Ok(())
//! # }
//! ```
//!
//! # Whose cryptography
//!
//! The program's: rustls asks for a *crypto provider* where a configuration is made,
//! and this crate only takes configurations that are made. So it brings none, and the
//! feature `tls` needs no C compiler, assembler or CMake. Take one in your own
//! Cargo.toml: `rustls` with the feature `ring` (what this crate is tested with: a C
//! compiler is all it needs, also to build for Windows), with `aws_lc_rs` (rustls' own
//! default; FIPS, post-quantum key exchange; needs more tools on some systems), or
//! another. [`rustls`] is the version that fits.
//!
//! Where the configuration is made, also: `tls12` for devices that have no TLS 1.3, and
//! a certificate that is renewed while the server runs
//! ([`ResolvesServerCert`](rustls::server::ResolvesServerCert)).
//!
//! # What sessions change in a configuration
//!
//! A session's server and client work with a copy of the configuration in which:
//!
//! - **early data (0-RTT) is off.** What comes in it can be replayed by anyone who has
//!   recorded it (RFC 8446, 8), so nothing may be registered with it.
//! - **TLS resumption is off**, with tickets and without. A handshake that resumes does
//!   not look at certificates again: one that has expired or was revoked since would go
//!   on registering. It would not save a round trip either (in TLS 1.3), only the
//!   certificates, 1 to 3 KB. A session of `ayt/1` is resumed above TLS.
//! - **ALPN (RFC 7301) is [`ayt/1`](ALPN)**, so that nobody can lead a connection of
//!   another protocol here, or this one elsewhere, and one port can serve several. Who
//!   offers no ALPN at all is taken. A list of your own must have `ayt/1` in it.
//!
//! # What the end of a stream means
//!
//! The end of TLS is `close_notify`; a stream that ends without was cut short, by a
//! fault or on purpose, and ends with [`Cause::Truncated`](crate::cause::Cause::Truncated).
//! Neither is the end of a session: that is BYE alone (docs/protocol.md, "Goodbye").
//!
//! # What is life
//!
//! In a session, every byte that came from the peer, counted **below** TLS: a record of
//! 16 KiB that trickles in over a slow line is a sign of life long before it can be
//! decrypted. So are TLS's own records, such as a key update. For
//! [`Watched`](crate::watched::Watched) see [its page](crate::watched#over-tls).

mod below;
mod failure;
mod harden;
mod named;

pub use failure::{Failure, TlsError};
pub use named::named;
pub use tokio_rustls::rustls;

pub(crate) use below::Counted;
pub(crate) use harden::{for_client, for_server};

/// The name of `ayt/1` in ALPN (RFC 7301).
pub const ALPN: &[u8] = b"ayt/1";

/// A configuration whose ALPN list is set, and lacks [`ALPN`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the TLS configuration's `alpn_protocols` lacks \"ayt/1\": add it, or leave the list empty, \
     and it is set"
)]
pub struct BadAlpn;
