//! Real servers for a test, stopped with it.

mod redis;
mod sshd;

pub use redis::Redis;
pub use sshd::Sshd;
