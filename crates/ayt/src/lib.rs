//! Servers and clients that know who is there.
//!
//! A peer that vanishes without a word leaves a connection that is dead and does
//! not show it: reads wait for ever, writes seem to work. This crate's parts can
//! be used one by one, from small to whole:
//!
//! - [`keepalive`]: the kernel's own question, on any system, and when it finds a death;
//! - [`cause`]: why a connection ended, as one typed value;
//! - [`close`]: gracefully, by half with a drain, or at once;
//! - [`watched`]: any stream with a detector beside it;
//! - [`listener`]: accepts within bounds, for axum, hyper and tonic too;
//! - [`connect`]: the connecting side, for hyper, reqwest and tonic too;
//! - [`pool`]: pools that never hand out a dead connection;
//! - [`session`]: sessions that survive the loss of their connections (`ayt/1`);
//! - [`copy`]: two streams into each other, with the end of each direction;
//! - `tls` (feature `tls`): sessions and listeners over TLS, by rustls.
#![forbid(unsafe_code)]

pub mod cause;
pub mod close;
pub mod connect;
pub mod copy;
#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
#[cfg(any(unix, windows))]
pub mod keepalive;
pub mod listener;
pub mod pool;
pub mod session;
mod sync;
#[cfg(feature = "tls")]
pub mod tls;
mod trace;
pub mod watched;
