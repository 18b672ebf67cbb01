//! Servers and clients that know who is there.
#![forbid(unsafe_code)]

#[cfg(any(unix, windows))]
pub mod keepalive;

pub use ayt_core::cause::Cause;
