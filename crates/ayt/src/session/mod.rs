//! Sessions that outlive their connections: the `ayt/1` protocol on tokio.

mod driver;
mod wire;

pub use driver::{SendError, SessionEnd};
