//! Rules against real conditions: each fires on the real thing, and is silent
//! on its healthy twin. One module per rule, named after it.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

mod accept_stuck;
mod accept_stuck_shared;
mod dead_held;
mod fd_exhaustion;
mod inherited_fd;
mod listen_overflow;
mod orphans;
mod reader_stuck;
mod support;
mod sysctl_stale;
mod zero_window;
