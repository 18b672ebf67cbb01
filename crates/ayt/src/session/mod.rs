//! Sessions that outlive their connections: the `ayt/1` protocol on tokio.

#![expect(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "used by the server and the client"
)]

mod driver;
mod wire;

pub use driver::{SendError, SessionEnd};
