//! The host's watch: collects facts, runs the rules, probes, traces, arms, reaps.
//!
//! The crate drives: it reads the clock and the kernel through `ayt-sys`, and
//! leaves every decision to `ayt-core`.

pub mod arm;
pub mod collect;
pub mod probe;
pub mod reap;
pub mod trace;
pub mod why;

mod clock;
mod held;
mod places;
mod runtime;
mod spread;
