//! The lab on real kernels: hosts, wires, and each stage with real TCP sockets.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

mod bed;
mod detection;
mod hosts;
mod icmp;
mod last_ack;
mod middlebox;
mod ordinary;
mod pcap;
mod reboot;
mod report;
mod stages;
