//! What a raw socket brings from the network: ICMP errors and RST segments.
#![no_main]

use std::net::Ipv6Addr;

use ayt_sys::wire::packet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(unreachable) = packet::icmp4(data) {
        assert!(unreachable.connection.local.is_ipv4());
    }
    if let Some(unreachable) = packet::icmp6(data) {
        assert!(unreachable.connection.local.is_ipv6());
    }
    if let Some(reset) = packet::reset4(data) {
        assert!(reset.remote.is_ipv4());
    }
    let _ = packet::reset6(data, Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST);
});
