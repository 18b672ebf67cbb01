//! What `ayt trace` promises, proved on real kernels: two hosts with five routers
//! between them, each a network namespace, whose firewalls and NATs are the
//! kernel's own.

#![allow(
    clippy::disallowed_methods,
    reason = "tests beside real kernels run in real time"
)]
#![allow(
    clippy::unwrap_used,
    reason = "in a test's helpers as in tests: what fails shows where"
)]

#[path = "../probe/bed.rs"]
#[allow(dead_code, reason = "shared with the tests of the probe")]
mod bed;
mod chain;
mod ends;
mod firewalls;
mod full;
mod harmless;
mod hops;
#[path = "../probe/nft.rs"]
#[allow(dead_code, reason = "shared with the tests of the probe")]
mod nft;
mod rights;
#[path = "../probe/socket.rs"]
#[allow(dead_code, reason = "shared with the tests of the probe")]
mod socket;
