//! The timers of the Linux kernel, to the tick.
//!
//! Sources: `net/ipv4/tcp_timer.c` (`tcp_keepalive_timer`,
//! `tcp_retransmit_timer`, `retransmits_timed_out`), `kernel/time/timer.c`.

mod idle;
mod in_flight;
#[cfg(test)]
mod simulation;
mod wheel;

pub(super) use idle::{idle, idle_outage, idle_probes};
pub(super) use in_flight::{in_flight, in_flight_outage, model_timeout, transmissions};
pub(super) use wheel::tick;
