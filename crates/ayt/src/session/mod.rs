//! Sessions that outlive their connections: the `ayt/1` protocol on tokio.

pub mod client;
mod driver;
mod wire;

pub use client::{Client, Key};
pub use driver::{SendError, SessionEnd};
