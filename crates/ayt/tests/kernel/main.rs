//! Against real kernels: what they answer when connections end in every way, what
//! a peer sees of a close, and pools whose servers go.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests drive real kernels in real time"
)]

mod cause;
mod close;
#[path = "../common/mod.rs"]
mod common;
mod connect;
mod hosts;
#[path = "../common/late.rs"]
mod late;
mod listener;
mod nat;
mod pool;
mod session;
mod watching;

/// Result of a test.
type Done = Result<(), Box<dyn std::error::Error>>;

/// Long, because a machine with two cores may be building something else.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
