//! A spare connection, on which a client tries how long a NAT on its way
//! remembers an idle connection: docs/protocol.md, "A spare connection". Two
//! machines, one for each side.

mod client;
mod server;

pub use client::{Client, Outcome, Step};
pub use server::{Closing, Server};

use std::time::Duration;

/// The shortest and the longest silence that can be tried, ms: 10 ms and 2 h.
pub const SILENCE_MS: std::ops::RangeInclusive<u32> = 10..=7_200_000;

fn ms(silence: u32) -> Duration {
    Duration::from_millis(u64::from(silence))
}

#[cfg(test)]
mod tests;
