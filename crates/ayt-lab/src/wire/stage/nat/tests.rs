use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;
use crate::packet::{answer, sample};
use crate::stage::Code;

const IDLE: Duration = Duration::from_secs(10);
const A: Direction = Direction::AtoB;
const B: Direction = Direction::BtoA;
const OUTSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 254));

fn nat(expiry: Expiry) -> Nat {
    Nat::new(Side::A, [Some(OUTSIDE), None], IDLE, expiry)
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn from_a(flags: &str) -> Packet {
    sample::packet(A, flags, 1, b"")
}

/// What B sends to the address and port it was talked to from.
fn from_b(port: u16) -> Packet {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([10, 77, 0, 2], [10, 77, 0, 254], 64)
        .tcp(2000, port, 7, 100)
        .ack(8)
        .write(&mut bytes, &[])
        .unwrap();
    Packet::parse(bytes, B, Duration::ZERO).unwrap()
}

#[test]
fn both_ways_are_translated() {
    let mut nat = nat(Expiry::Silent);
    let mut syn = from_a("S");
    assert_eq!(nat.pass(seconds(0.0), A, &mut syn), Verdict::Pass);
    let flow = syn.summary().flow().unwrap();
    assert_eq!(flow.source, SocketAddr::new(OUTSIDE, 1000));
    assert!(syn.is_changed());
    let mut answer = from_b(1000);
    assert_eq!(nat.pass(seconds(1.0), B, &mut answer), Verdict::Pass);
    let flow = answer.summary().flow().unwrap();
    assert_eq!(flow.destination.to_string(), "10.77.0.1:1000");
}

#[test]
fn either_direction_refreshes_and_silence_ends_it() {
    for refreshed_by_b in [false, true] {
        let mut nat = nat(Expiry::Silent);
        nat.pass(seconds(0.0), A, &mut from_a("S"));
        let refreshed = if refreshed_by_b {
            nat.pass(seconds(9.9), B, &mut from_b(1000))
        } else {
            nat.pass(seconds(9.9), A, &mut from_a("."))
        };
        assert_eq!(refreshed, Verdict::Pass);
        let late = nat.pass(seconds(19.8), A, &mut from_a("."));
        assert_eq!(late, Verdict::Pass);
        let why = "no entry";
        // To the moment: ten seconds after the last.
        let gone = nat.pass(seconds(29.8), A, &mut from_a("."));
        assert_eq!(gone, Verdict::Drop { why });
        let gone = nat.pass(seconds(29.9), B, &mut from_b(1000));
        assert_eq!(gone, Verdict::Drop { why });
        // A new connection passes.
        let fresh = nat.pass(seconds(30.0), A, &mut from_a("S"));
        assert_eq!(fresh, Verdict::Pass);
    }
}

#[test]
fn a_reset_is_said_to_whoever_sends() {
    let mut nat = nat(Expiry::Reset);
    nat.pass(seconds(0.0), A, &mut from_a("S"));
    for (direction, mut packet) in [(A, from_a(".")), (B, from_b(1000))] {
        let asked = packet.summary().flow().unwrap();
        let verdict = nat.pass(seconds(20.0), direction, &mut packet);
        let Verdict::Answer { answer, .. } = verdict else {
            panic!("{verdict:?}");
        };
        let answer = Packet::parse(answer, direction.back(), Duration::ZERO).unwrap();
        assert_eq!(answer.summary().flow(), Some(asked.back()));
        assert!(answer.tcp().unwrap().flags.rst);
    }
}

#[test]
fn what_was_adopted_works_again_on_the_same_port() {
    let mut nat = nat(Expiry::Adopt);
    nat.pass(seconds(0.0), A, &mut from_a("S"));
    let why = "no entry";
    let lost = nat.pass(seconds(20.0), B, &mut from_b(1000));
    assert_eq!(lost, Verdict::Drop { why });
    let mut again = from_a(".");
    assert_eq!(nat.pass(seconds(21.0), A, &mut again), Verdict::Pass);
    assert_eq!(again.tcp().unwrap().source, 1000);
    let heard = nat.pass(seconds(22.0), B, &mut from_b(1000));
    assert_eq!(heard, Verdict::Pass);
}

#[test]
fn an_error_from_outside_finds_the_inside() {
    let mut nat = nat(Expiry::Silent);
    let mut syn = from_a("S");
    nat.pass(seconds(0.0), A, &mut syn);
    let router = IpAddr::from([10, 77, 0, 253]);
    let error = answer::unreachable(&syn, router, Code::Host).unwrap();
    let mut error = Packet::parse(error, B, Duration::ZERO).unwrap();
    assert_eq!(nat.pass(seconds(1.0), B, &mut error), Verdict::Pass);
    assert_eq!(error.summary().destination.to_string(), "10.77.0.1");
    let quoted = rewrite::quoted(error.bytes()).unwrap();
    assert_eq!(quoted.source.to_string(), "10.77.0.1:1000");
}

proptest! {
    #[test]
    fn ports_never_clash(sources in proptest::collection::vec((1u8..5, 1u16..5), 1..30)) {
        let mut nat = nat(Expiry::Silent);
        let mut used = std::collections::HashMap::new();
        for (host, port) in sources {
            let mut bytes = Vec::new();
            PacketBuilder::ipv4([10, 77, 1, host], [10, 77, 0, 2], 64)
                .tcp(port, 80, 1, 100)
                .syn()
                .write(&mut bytes, &[])
                .unwrap();
            let mut packet = Packet::parse(bytes, A, Duration::ZERO).unwrap();
            prop_assert_eq!(nat.pass(seconds(0.0), A, &mut packet), Verdict::Pass);
            let outer = packet.tcp().unwrap().source;
            let holder = used.entry(outer).or_insert((host, port));
            prop_assert_eq!(*holder, (host, port));
        }
    }
}
