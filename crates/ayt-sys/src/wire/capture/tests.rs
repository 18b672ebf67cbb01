use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;
use crate::wire::segment::{Carriage, build};

const FROM: &str = "10.0.0.1:7000";
const TO: &str = "10.0.0.2:58558";
const FROM6: &str = "[fd00::1]:7000";
const TO6: &str = "[fd00::2]:58558";

fn like(seq: u32) -> Segment {
    Segment {
        flags: Flags::ACK,
        seq,
        ack: 9,
        window: 501,
        timestamps: Some(Timestamps { value: 1, echo: 2 }),
        ..Segment::default()
    }
}

fn packet(from: &str, to: &str, seq: u32) -> Vec<u8> {
    let mut packet = Vec::new();
    let carriage = Carriage { hops: 3, id: 77 };
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    assert!(build(from, to, &like(seq), carriage, &mut packet));
    packet
}

fn icmp4(kind: u8, code: u8, mtu: u16, quoted: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((28 + quoted.len() as u16).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 60, ICMP, 0, 0, 10, 9, 9, 9, 10, 0, 0, 1]);
    bytes.extend([kind, code, 0, 0, 0, 0]);
    bytes.extend(mtu.to_be_bytes());
    bytes.extend(quoted);
    bytes
}

fn icmp6(kind: u8, code: u8, mtu: u32, quoted: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((8 + quoted.len() as u16).to_be_bytes());
    bytes.extend([ICMP6, 60]);
    bytes.extend(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9).octets());
    bytes.extend(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).octets());
    bytes.extend([kind, code, 0, 0]);
    bytes.extend(mtu.to_be_bytes());
    bytes.extend(quoted);
    bytes
}

#[test]
fn an_icmp_error_tells_who_what_and_about_which_ask() {
    let quoted = packet(FROM, TO, 4_711);
    for (kind, code, expected) in [
        (11, 0, IcmpKind::TimeExceeded),
        (3, 1, IcmpKind::Unreachable { code: 1 }),
        (3, 13, IcmpKind::Unreachable { code: 13 }),
        (3, 4, IcmpKind::TooBig { mtu: 1400 }),
    ] {
        // A router need quote no more than eight bytes of the segment.
        for length in [28, quoted.len()] {
            let bytes = icmp4(kind, code, 1400, &quoted[..length]);
            let Some(Captured::Error(error)) = read(&bytes) else {
                panic!("{kind}/{code}");
            };
            assert_eq!(error.kind, expected);
            assert_eq!(error.from.to_string(), "10.9.9.9");
            assert_eq!(error.connection.local.to_string(), FROM);
            assert_eq!(error.connection.remote.to_string(), TO);
            assert_eq!((error.seq, error.id, error.hops_left), (4_711, 77, 3));
        }
        assert_eq!(read(&icmp4(kind, code, 1400, &quoted[..27])), None);
    }
    for (kind, code) in [(0, 0), (8, 0), (11, 1), (5, 0), (12, 0)] {
        assert_eq!(read(&icmp4(kind, code, 0, &quoted)), None, "{kind}/{code}");
    }
}

#[test]
fn an_icmpv6_error_tells_the_same() {
    let quoted = packet(FROM6, TO6, 4_711);
    for (kind, code, expected) in [
        (3, 0, IcmpKind::TimeExceeded),
        (1, 3, IcmpKind::Unreachable { code: 3 }),
        (2, 0, IcmpKind::TooBig { mtu: 1_280 }),
    ] {
        let bytes = icmp6(kind, code, 1_280, &quoted[..48]);
        let Some(Captured::Error(error)) = read(&bytes) else {
            panic!("{kind}/{code}");
        };
        assert_eq!(error.kind, expected);
        assert_eq!(error.from.to_string(), "fd00::9");
        assert_eq!(error.connection.local.to_string(), FROM6);
        assert_eq!((error.seq, error.id, error.hops_left), (4_711, 0, 3));
    }
    assert_eq!(read(&icmp6(3, 1, 0, &quoted)), None);
    assert_eq!(read(&icmp6(128, 0, 0, &quoted)), None);
}

#[test]
fn an_error_that_quotes_the_other_family_is_none() {
    let four = packet("10.0.0.1:7000", "10.0.0.2:58558", 7);
    let six = packet("[fd00::1]:7000", "[fd00::2]:58558", 7);
    assert!(read(&icmp4(3, 1, 0, &four)).is_some());
    assert_eq!(read(&icmp4(3, 1, 0, &six)), None);
    assert!(read(&icmp6(1, 3, 0, &six)).is_some());
    assert_eq!(read(&icmp6(1, 3, 0, &four)), None);
}

#[test]
fn extension_headers_are_looked_past_and_later_fragments_are_not_read() {
    let plain = packet(FROM6, TO6, 5);
    let with = |kind: u8, header: &[u8]| {
        let mut bytes = plain[..40].to_vec();
        let length = (plain.len() - 40 + header.len()) as u16;
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes[6] = kind;
        bytes.extend(header);
        bytes.extend(&plain[40..]);
        bytes
    };
    let expected = read(&plain);
    assert!(expected.is_some());
    let options = [TCP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for kind in [0, 43, 60] {
        assert_eq!(read(&with(kind, &options)), expected, "{kind}");
    }
    assert_eq!(read(&with(51, &options[..12])), expected);
    assert_eq!(read(&with(44, &[TCP, 0, 0, 1, 0, 0, 0, 1])), expected);
    assert_eq!(read(&with(44, &[TCP, 0, 0, 8, 0, 0, 0, 1])), None);
    let mut fragment = packet(FROM, TO, 5);
    assert!(read(&fragment).is_some());
    fragment[7] = 1;
    assert_eq!(read(&fragment), None);
}

#[test]
fn data_is_counted_by_what_the_header_says() {
    let mut bytes = packet(FROM, TO, 5);
    bytes[2..4].copy_from_slice(&1_500u16.to_be_bytes());
    let Some(Captured::Segment { segment, .. }) = read(&bytes) else {
        panic!("no segment");
    };
    assert_eq!(segment.payload, 1_500 - 20 - 32);
    // Shorter than its own headers: nonsense.
    bytes[2..4].copy_from_slice(&40u16.to_be_bytes());
    assert_eq!(read(&bytes), None);
}

#[test]
fn timestamps_are_found_among_other_options() {
    let stamps = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    let found = Some(Timestamps { value: 1, echo: 2 });
    for before in [&[][..], &[1, 1], &[2, 4, 5, 180], &[5, 2], &[3, 3, 7, 1]] {
        let options = [before, &stamps].concat();
        assert_eq!(timestamps(&options), found, "{before:?}");
        for length in before.len()..options.len() {
            assert_eq!(timestamps(&options[..length]), None);
        }
    }
    for bad in [&[0, 8, 10][..], &[5, 0, 8, 10], &[5, 1, 8], &[5, 200], &[5]] {
        assert_eq!(timestamps(&[bad, &stamps].concat()), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
        let _ = read(&bytes);
    }

    /// Nearly right packets reach deeper than random ones.
    #[test]
    fn damage_never_panics_and_less_is_never_read_as_more(
        six in any::<bool>(),
        error in any::<bool>(),
        damage in proptest::collection::vec((0..160usize, any::<u8>()), 0..6),
        length in 0..160usize,
    ) {
        let quoted = if six { packet(FROM6, TO6, 1) } else { packet(FROM, TO, 1) };
        let mut bytes = match (error, six) {
            (false, _) => quoted,
            (true, true) => icmp6(3, 0, 0, &quoted),
            (true, false) => icmp4(11, 0, 0, &quoted),
        };
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let whole = read(&bytes);
        bytes.truncate(length);
        let part = read(&bytes);
        // Cut short, it may lose its options, and nothing else.
        match (part, whole) {
            (None, _) => {}
            (
                Some(Captured::Segment { from, to, segment, .. }),
                Some(Captured::Segment { from: f, to: t, segment: s, .. }),
            ) => {
                prop_assert_eq!((from, to), (f, t));
                let s = Segment { timestamps: segment.timestamps, ..s };
                prop_assert_eq!(segment, s);
            }
            (part, whole) => prop_assert_eq!(part, whole),
        }
    }
}
