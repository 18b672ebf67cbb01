//! Servers and clients that know who is there.
#![forbid(unsafe_code)]

pub mod session;

pub use ayt_core::cause::Cause;
