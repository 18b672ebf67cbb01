//! Rules of the doctor on real conditions, made in network namespaces: each
//! fires, stays silent on its healthy twin, and says what it cannot know.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

mod close_wait_leak;
mod fin_wait_2_stuck;
mod ghost_family;
mod half_open;
mod keepalive_slow;
mod meanwhile;
mod middlebox_idle;
mod no_keepalive;
mod retransmitting;
mod support;
mod time_wait_pressure;
mod user_timeout_conflict;
