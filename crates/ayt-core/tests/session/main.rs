//! Whole sessions in virtual time: two ends over a wire that has latency and
//! breaks at any byte. Everything random comes from a seed, and a failure names
//! it; `AYT_SEED=n` runs only that one.

mod beats;
mod cuts;
mod detector;
mod half;
mod orders;
mod program;
mod restarts;
mod rng;
mod server;
mod settling;
mod wire;
mod world;
