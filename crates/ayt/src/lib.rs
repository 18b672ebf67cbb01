//! Servers and clients that know who is there.
//!
//! A peer that vanishes without a word (power, cable, a NAT that forgot) leaves a
//! connection that is dead and does not show it: reads wait for ever, writes seem to
//! work. TCP by itself finds out after a quarter of an hour where data is on its way, and
//! never where none is. This crate finds out in a time that is known beforehand, says why
//! a connection ended, and can carry a session over the loss of its connections. Its parts
//! can be used one by one, from small to whole.
//!
//! # Where to begin
//!
//! | what there is | what to take |
//! |---|---|
//! | a socket, and a peer whose protocol cannot be changed | [`keepalive`]: one call; the kernel asks the peer's kernel |
//! | a protocol with a heartbeat, or any traffic that ought to come | [`watched`]: the same stream with a detector of [`detectors`] beside it |
//! | a server for axum, hyper or tonic | [`listener`] in place of the `TcpListener` |
//! | connections to somebody else's server | [`connect`], and [`pool`] where they rest between uses |
//! | two streams to be joined | [`copy`] in place of `copy_bidirectional` |
//! | devices of your own that lose their network, restart, and must lose no message | [`session`]: server and client of `ayt/1` |
//! | an error, and the question why | [`cause`] |
//! | an answer that must arrive before the close | [`close`] |
//! | TLS | feature `tls`: `ayt::tls` |
//!
//! # Keepalive or heartbeat?
//!
//! | who finds that the peer | kernel keepalive | heartbeat |
//! |---|---|---|
//! | lost its power, its cable, its NAT entry | after I + V·N | after interval · misses + challenge |
//! | has restarted | at the next probe, by RST | at the next heartbeat sent, by RST |
//! | **hangs: its kernel lives, its program does not** | **never** | yes |
//! | is gone while data is on its way to it | after U only, else a quarter of an hour | yes |
//! | costs | some 80 bytes a probe, no program | as much, and a protocol that has one |
//!
//! Both together do no harm. A connection without either is not told of a silent death
//! at all, and most servers have some.
//!
//! # A first program
//!
//! A connection with keepalive and a heartbeat, and the reason for its end:
//!
//! ```no_run
//! use std::time::Duration;
//! use ayt::connect::Connector;
//! use ayt::detectors::{Fixed, Terms};
//! use ayt::keepalive::Policy;
//! use tokio::io::AsyncReadExt;
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! // The server sends something every 30 s at least: silent after 65 s.
//! let terms = Terms::new(Duration::from_secs(30), 2, Duration::from_secs(5))?;
//! let mut stream = Connector::new()
//!     .keepalive(Policy::default())
//!     .detector(move |_| Fixed::new(terms, Duration::ZERO))
//!     .connect("hub.example:7000")
//!     .await?;
//! let mut buffer = [0; 1024];
//! loop {
//!     match stream.read(&mut buffer).await {
//!         Ok(0) => break, // The peer said goodbye.
//!         Ok(length) => println!("{length} bytes"),
//!         Err(error) => {
//!             // Such as "the connection with 192.0.2.1:7000 ended: the heartbeat
//!             // stayed out"; for machines `stream.cause()`.
//!             println!("{error}");
//!             break;
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! For sessions see [`session`]. The examples in `crates/ayt/examples` are programs to run
//! and look at; each says at its head what to see.
//!
//! # What holds everywhere
//!
//! - **Runtime.** All but [`keepalive`] runs on tokio, with time and I/O enabled.
//! - **Cancelling.** Every async function says what a dropped future leaves behind.
//! - **Life is bytes received**, never bytes written. An own lateness (the machine slept)
//!   is never the peer's silence.
//! - **Bounds.** Every wait and every buffer has one, with its default and the reason
//!   beside it.
//! - **Errors** say what was tried with whom. Ends carry a [`cause::Cause`], one closed
//!   list for the library and the command `ayt`.
//!
//! # Features
//!
//! They only add: nothing behaves differently because one is on.
//!
//! | feature | adds |
//! |---|---|
//! | `tracing` (default) | spans and events with `peer`, `cause`, `bytes_received`, `bytes_sent` |
//! | `axum` | [`listener::Listener`] in `axum::serve` |
//! | `hyper` | [`connect::Connector`] in hyper's clients, accepted connections as hyper's io |
//! | `tonic` | the same for tonic |
//! | `reqwest` | keepalive and user timeout on reqwest's own sockets |
//! | `bb8`, `deadpool` | [`pool::Manager`] as their manager |
//! | `tls` | TLS by rustls for sessions and listeners; the cryptography is the program's choice |
#![forbid(unsafe_code)]

pub mod cause;
pub mod close;
pub mod connect;
pub mod copy;
pub mod detectors;
#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
#[cfg(any(unix, windows))]
pub mod keepalive;
pub mod listener;
pub mod pool;
pub mod session;
mod setup;
mod sync;
#[cfg(feature = "tls")]
mod through;
#[cfg(feature = "tls")]
pub mod tls;
mod trace;
pub mod watched;
