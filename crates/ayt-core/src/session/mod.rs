//! The `ayt/1` session protocol without I/O: what goes over the wire, and what
//! each side decides. The protocol itself is in docs/protocol.md.

pub mod frame;
pub mod link;
pub mod reconnect;
pub mod registry;
pub mod spare;
pub mod traffic;
pub mod violation;
