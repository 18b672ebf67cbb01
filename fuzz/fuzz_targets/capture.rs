//! What a packet socket shows: segments and ICMP errors, and what the raw engine
//! makes of them. A packet that reads as a segment without data is built again and
//! must read the same.
#![no_main]

use std::time::Duration;

use ayt_core::probe::segment::Flags;
use ayt_core::probe::{Exchange, Reply};
use ayt_sys::wire::capture::{Captured, read};
use ayt_sys::wire::packet::FourTuple;
use ayt_sys::wire::segment::{Carriage, LONGEST, build};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(captured) = read(data) else { return };
    let (from, to, segment) = match captured {
        Captured::Segment { from, to, segment } => (from, to, segment),
        Captured::Error(error) => {
            let FourTuple { local, remote } = error.connection;
            assert_eq!(local.is_ipv4(), remote.is_ipv4());
            return;
        }
    };
    assert_eq!(from.is_ipv4(), to.is_ipv4());
    let mut packet = Vec::new();
    let empty = ayt_core::probe::segment::Segment {
        payload: 0,
        ..segment
    };
    if build(from, to, &empty, Carriage::default(), &mut packet) {
        assert!(packet.len() <= LONGEST);
        let again = read(&packet);
        // IPv4-mapped addresses go as IPv4, which has no flow label.
        if from.ip().to_canonical() == from.ip() && to.ip().to_canonical() == to.ip() {
            let same = Captured::Segment { from, to, segment: empty };
            assert_eq!(again, Some(same));
        }
    }
    let mut exchange = Exchange::new(u128::from(segment.seq) << 64 | u128::from(segment.ack));
    exchange.on_sent(Duration::ZERO, &segment);
    let (ask, _) = exchange.ask(segment.payload.min(1 << 30));
    exchange.on_sent(Duration::from_secs(1), &ask);
    let reply = exchange.on_received(Duration::from_secs(2), &segment);
    if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::RST) {
        assert_eq!(reply, Reply::None);
    }
});
