//! `why` against real conditions: the right sentence for each, and none for its
//! healthy twin.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

mod accept;
mod addresses;
mod firewall;
mod limits;
mod peers;
mod queued;
mod queues;
mod slow;
mod support;
mod twins;
mod vanish;
