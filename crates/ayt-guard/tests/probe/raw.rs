//! The raw engine on connections that the others could ask as well: what it says,
//! what it sends, and that it touches nothing.

use std::io::{ErrorKind, Read};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use ayt_core::cause::Cause;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::{Engine, Numbers, Probe};
use ayt_testbed::{Direction, Need, Side, Unreachable, eventually};

use crate::bed::{Bed, Host, Pair, is_alive, is_dead, with};
use crate::socket::{self, LONG};

/// Silence that is death, as short as it may be.
const SHORT: Duration = Duration::from_millis(1_500);

pub(crate) fn raw() -> Probe {
    Probe {
        patience: Some(SHORT),
        ..with(Engine::Raw)
    }
}

fn living(make: impl Fn(&Bed) -> Pair) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = make(&bed);
    pair.carries_data();
    socket::wait_quiet(&pair.near, 50);
    let before = pair.near_options();
    let (mark, start) = (bed.wire.mark(), Instant::now());
    let answer = bed.near.ask_one(&raw());
    let took = start.elapsed();
    let Verdict::Alive { rtt: Some(rtt) } = answer.verdict else {
        panic!("{answer:?}");
    };
    assert_eq!((answer.engine, answer.asks), (Some(Engine::Raw), 1));
    assert_eq!(answer.numbers, Some(Numbers::Learnt));
    assert!(rtt < took, "{rtt:?} of {took:?}");
    // What goes out: the kernel's own acknowledgement, from which the numbers are
    // learnt, and the ask, one before it. Both are empty.
    let sent = bed.sent_since(mark);
    let segments: Vec<_> = sent.iter().filter_map(|packet| packet.tcp()).collect();
    assert_eq!((sent.len(), segments.len()), (2, 2), "{sent:?}");
    for segment in &segments {
        assert_eq!(segment.payload, 0);
        assert!(segment.flags.ack && !segment.flags.rst && !segment.flags.syn);
    }
    assert_eq!(segments[1].seq, segments[0].seq.wrapping_sub(1));
    assert_eq!(segments[1].ack, segments[0].ack);
    assert_eq!(pair.near_options(), before);
    pair.carries_data();
}

#[test]
fn a_living_peer_answers_and_nothing_is_touched() {
    living(Bed::pair);
}

#[test]
fn a_living_peer_answers_over_ipv6() {
    living(Bed::pair6);
}

#[test]
fn a_living_peer_answers_where_ipv4_is_mapped_into_ipv6() {
    living(|bed| {
        let both = bed.near.listen(Ipv6Addr::UNSPECIFIED);
        let port = both.local_addr().expect("its address").port();
        let far = bed.far.connect(SocketAddr::new(bed.wire.v4(Side::A), port));
        let (near, _) = both.accept().expect("accepting");
        Pair { near, far }
    });
}

#[test]
fn a_living_peer_answers_where_this_side_had_connected() {
    living(|bed| {
        let listener = bed.far.listen(bed.wire.v4(Side::B));
        let near = bed
            .near
            .connect(listener.local_addr().expect("its address"));
        let (far, _) = listener.accept().expect("accepting");
        Pair { near, far }
    });
}

#[test]
fn without_the_timestamps_option_it_is_just_the_same() {
    living(|bed| {
        let sysctl = "net/ipv4/tcp_timestamps";
        bed.near.ns.sysctl(sysctl, "0").expect("the sysctl");
        bed.pair()
    });
}

#[test]
fn both_ends_of_a_connection_on_one_host_are_alive() {
    if !Need::root() {
        return;
    }
    let host = Host::new();
    for address in ["127.0.0.1", "::1"] {
        let listener = host.listen(address.parse::<std::net::IpAddr>().expect("an address"));
        let far = host.connect(listener.local_addr().expect("its address"));
        let (near, _) = listener.accept().expect("accepting");
        drop(listener);
        let mut pair = Pair { near, far };
        let report = host.ask(&raw());
        assert_eq!(report.answers.len(), 2);
        for answer in &report.answers {
            assert!(is_alive(answer), "{answer:?}");
            assert_eq!(answer.numbers, Some(Numbers::Learnt));
        }
        pair.carries_data();
    }
}

/// The kernel stamps what is sent and what comes: the time does not depend on
/// when ayt looks, which is every half millisecond at best.
#[test]
fn the_round_trip_is_that_of_the_packets() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    let one_way = Duration::from_millis(300);
    bed.wire.delay(one_way, one_way);
    socket::wait_quiet(&pair.near, 50);
    let mark = bed.wire.mark();
    let answer = bed.near.ask_one(&with(Engine::Raw));
    let Verdict::Alive { rtt: Some(rtt) } = answer.verdict else {
        panic!("{answer:?}");
    };
    // The wire's own record of the same two packets, taken in between.
    let packets = bed.wire.packets_since(mark);
    let mut ask = packets
        .iter()
        .filter(|one| one.direction == Direction::AtoB);
    let ask = ask.next_back().expect("the ask");
    let answer = packets.iter().find(|one| one.direction == Direction::BtoA);
    let inside = answer.expect("the answer").seen - ask.seen;
    assert!(rtt >= inside, "{rtt:?} is less than {inside:?}");
    assert!(rtt >= one_way * 2, "{rtt:?}");
    bed.wire.delay(Duration::ZERO, Duration::ZERO);
    pair.carries_data();
}

#[test]
fn a_ghost_is_dead_after_three_asks_and_lives_on_when_the_wire_heals() {
    if !Need::tun() {
        return;
    }
    for six in [false, true] {
        let bed = Bed::new();
        let mut pair = bed.pair_of(six);
        pair.carries_data();
        socket::wait_quiet(&pair.near, 50);
        let before = pair.near_options();
        bed.wire.cut();
        let (mark, start) = (bed.wire.mark(), Instant::now());
        let answer = bed.near.ask_one(&raw());
        assert!(start.elapsed() >= SHORT);
        is_dead(&answer, Cause::Unanswered);
        assert_eq!(answer.asks, 3);
        assert_eq!(answer.numbers, Some(Numbers::Learnt));
        // Beside the acknowledgements from which the numbers are learnt, of which
        // the kernel sends one in half a second at most.
        let sent = bed.sent_since(mark);
        let numbers: Vec<u32> = sent
            .iter()
            .filter_map(|packet| packet.tcp())
            .map(|segment| segment.seq)
            .collect();
        let ask = numbers[0].wrapping_sub(1);
        assert_eq!(numbers.iter().filter(|&&seq| seq == ask).count(), 3);
        assert!(numbers.len() <= 6, "{numbers:?}");
        assert_eq!(pair.near_options(), before);
        bed.wire.heal();
        pair.carries_data();
    }
}

#[test]
fn the_default_patience_is_five_seconds() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let _pair = bed.pair();
    bed.wire.cut();
    let start = Instant::now();
    let answer = bed.near.ask_one(&with(Engine::Raw));
    is_dead(&answer, Cause::Unanswered);
    assert!(start.elapsed() >= Duration::from_secs(5));
}

#[test]
fn an_outage_of_nearly_the_whole_patience_is_survived() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    socket::wait_quiet(&pair.near, 50);
    let facts = bed.near.look();
    bed.wire.outage(Duration::from_secs(4));
    let answer = crate::bed::ask(&facts, &with(Engine::Raw))
        .answers
        .remove(0);
    assert!(is_alive(&answer), "{answer:?}");
    pair.carries_data();
}

#[test]
fn a_rebooted_peer_is_dead_and_the_owner_has_his_error() {
    if !Need::tun() {
        return;
    }
    for six in [false, true] {
        let bed = Bed::new();
        let mut pair = bed.pair_of(six);
        pair.carries_data();
        let _fresh = bed.wire.reboot(Side::B).expect("a reboot");
        let answer = bed.near.ask_one(&raw());
        is_dead(&answer, Cause::PeerReset);
        pair.near.set_read_timeout(Some(LONG)).expect("a timeout");
        let error = pair.near.read(&mut [0]).expect_err("no clean end");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_routers_word_is_a_suspicion_and_with_silence_death() {
    if !Need::tun() {
        return;
    }
    for six in [false, true] {
        let bed = Bed::new();
        let mut pair = bed.pair_of(six);
        pair.carries_data();
        bed.wire
            .icmp_unreachable(Direction::AtoB, Unreachable::Host);
        let answer = bed.near.ask_one(&raw());
        is_dead(&answer, Cause::Unreachable);
        bed.wire.heal();
        pair.carries_data();
    }
}

#[test]
fn without_a_route_it_is_unreachable() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    // Without a route the kernel cannot show its numbers, and guesses are for
    // connections at rest.
    socket::wait_quiet(&pair.near, 50);
    let to = bed.wire.v4(Side::B);
    bed.near
        .ns
        .ip(&format!("route add unreachable {to}/32"))
        .expect("a route");
    let answer = bed.near.ask_one(&raw());
    is_dead(&answer, Cause::Unreachable);
}

#[test]
fn a_connection_that_ended_between_look_and_ask_is_gone() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    let facts = bed.near.look();
    rustix::net::sockopt::set_socket_linger(&pair.near, Some(Duration::ZERO)).expect("SO_LINGER");
    drop(pair.near);
    eventually("its end", LONG, || bed.near.look().sockets.is_empty());
    let mark = bed.wire.mark();
    let answer = crate::bed::ask(&facts, &raw()).answers.remove(0);
    assert_eq!(
        answer.verdict,
        Verdict::Unknown(ayt_core::fact::Why::Vanished)
    );
    assert_eq!(bed.sent_since(mark), []);
}
