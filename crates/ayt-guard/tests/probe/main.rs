//! What `ayt probe` promises, proved on real kernels: a wire that breaks lies
//! between two network namespaces, and its record says what was sent.
//!
//! One concern a file; [`bed`] builds the hosts, [`socket`] reads and sets what
//! a socket's owner would.

#![allow(
    clippy::disallowed_methods,
    reason = "tests beside real kernels run in real time"
)]
#![allow(
    clippy::unwrap_used,
    reason = "in a test's helpers as in tests: what fails shows where"
)]

mod alive;
mod bed;
mod child;
mod close;
mod extensions;
mod ghost;
mod hurt;
mod killed;
mod many;
mod nft;
mod outage;
mod owners;
mod pinned;
mod rate;
mod raw;
mod raw_busy;
mod raw_hops;
mod raw_middle;
mod raw_reach;
mod raw_rights;
mod raw_sweep;
mod raw_unheard;
mod refused;
mod reset;
mod reuse;
mod routed;
mod socket;
mod stop;
mod together;
mod unreachable;
