//! What a packet socket shows: segments and ICMP errors, and what the raw engine
//! and the path autopsy make of them. A packet that reads as a segment without data is built again and
//! must read the same.
#![no_main]

use std::time::Duration;

use ayt_core::probe::segment::Flags;
use ayt_core::probe::{Exchange, Reply};
use ayt_core::trace::{Flow, Next, Peer, Said, Settings, Trace, What};
use ayt_sys::wire::capture::{Captured, IcmpError, IcmpKind, read};
use ayt_sys::wire::packet::FourTuple;
use ayt_sys::wire::segment::{Carriage, LONGEST, build};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(captured) = read(data) else { return };
    let (from, to, segment, hops_left) = match captured {
        Captured::Segment {
            from,
            to,
            segment,
            hops_left,
        } => (from, to, segment, hops_left),
        Captured::Error(error) => {
            let FourTuple { local, remote } = error.connection;
            assert_eq!(local.is_ipv4(), remote.is_ipv4());
            assert!(error.labels.as_slice().iter().all(|label| *label < 1 << 20));
            say(&error);
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
            let same = Captured::Segment {
                from,
                to,
                segment: empty,
                hops_left: Carriage::default().hops,
            };
            assert_eq!(again, Some(same));
        }
    }
    let now = Duration::from_secs(1);
    let flow = Flow {
        local: to,
        remote: from,
    };
    let mut trace = Trace::new(now, flow, Settings::default(), 1);
    let mut peer = Peer::new(&segment, segment.payload);
    peer.on_sent(&segment);
    trace.on_heard(now, now, peer.on_received(&segment), hops_left);
    if let Next::Ask(ask) = trace.next(now) {
        trace.on_asked(now, ask, segment.seq);
        trace.on_seen(now, segment.seq);
        trace.on_heard(now, now, peer.on_received(&segment), hops_left);
    }
    assert!(trace.picture(now, true).hops.len() <= 30);
    let mut exchange = Exchange::new(u128::from(segment.seq) << 64 | u128::from(segment.ack));
    exchange.on_sent(Duration::ZERO, &segment);
    let (ask, _) = exchange.ask(segment.payload.min(1 << 30));
    exchange.on_sent(Duration::from_secs(1), &ask);
    let reply = exchange.on_received(Duration::from_secs(2), &segment);
    if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::RST) {
        assert_eq!(reply, Reply::None);
    }
});

/// An error about an ask of the connection it quotes is that ask's.
fn say(error: &IcmpError) {
    let now = Duration::from_secs(1);
    let flow = Flow {
        local: error.connection.local,
        remote: error.connection.remote,
    };
    let said = Said {
        from: error.from,
        what: match error.kind {
            IcmpKind::TimeExceeded => What::TimeExceeded,
            IcmpKind::Unreachable { code } => What::Unreachable(code),
            IcmpKind::TooBig { mtu } => What::TooBig(mtu),
        },
        flow,
        seq: error.seq,
        id: error.id,
        hops_left: error.hops_left,
        labels: error.labels.as_slice().to_vec(),
    };
    let mut trace = Trace::new(now, flow, Settings::default(), error.id);
    assert!(!trace.on_said(now, &said), "nothing was asked yet");
    if let Next::Ask(ask) = trace.next(now) {
        trace.on_asked(now, ask, error.seq);
        assert!(trace.on_said(now, &said));
        assert!(!trace.on_said(now, &said), "once is enough");
    }
    assert!(trace.picture(now, true).hops.len() <= 30);
}
