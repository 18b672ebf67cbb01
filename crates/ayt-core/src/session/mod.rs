//! The `ayt/1` session protocol without I/O: what goes over the wire, and what
//! each side decides. The protocol itself is in docs/protocol.md.

pub mod codec;
pub mod frame;
pub mod handshake;
pub mod kernel;
pub mod link;
pub mod proof;
pub mod reconnect;
pub mod registry;
pub mod spare;
pub mod traffic;
pub mod violation;
