//! What an engine cannot ask gets a reason, and nothing is sent.

use std::io::Write;
use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::{Engine, Probe, Report, probe};
use ayt_testbed::{Direction, Need, Side, eventually};
use std::sync::atomic::AtomicBool;

use crate::bed::{Bed, with};
use crate::socket::{self, LONG};

/// Asks every socket of the near host, whatever its state.
fn ask_everything(bed: &Bed, how: &Probe) -> Report {
    let facts = bed.near.look();
    let all: Vec<usize> = (0..facts.sockets.len()).collect();
    probe(&facts, &all, how, &AtomicBool::new(false), &mut |_| {})
}

/// The engines that ask through a descriptor.
const BY_DESCRIPTOR: &[Option<Engine>] = &[Some(Engine::Repair), Some(Engine::Keepalive)];

/// Every engine, and the choice of one.
const ALL: &[Option<Engine>] = &[
    None,
    Some(Engine::Repair),
    Some(Engine::Keepalive),
    Some(Engine::Raw),
];

/// No answer without a reason, and nothing on the wire.
#[track_caller]
fn all_unknown(
    bed: &Bed,
    engines: &[Option<Engine>],
    number: usize,
    is_reason: impl Fn(&Why) -> bool,
) {
    for &engine in engines {
        let mark = bed.wire.mark();
        let report = ask_everything(bed, &with(engine));
        assert_eq!(report.answers.len(), number, "{:?}", report.answers);
        for answer in &report.answers {
            let Verdict::Unknown(why) = &answer.verdict else {
                panic!("{engine:?}: {answer:?}");
            };
            assert!(is_reason(why), "{engine:?}: {why}");
            assert_eq!((answer.engine, answer.asks), (None, 0));
        }
        assert_eq!(bed.sent_since(mark), []);
    }
}

#[test]
fn connections_that_nobody_accepted_have_no_descriptor_to_ask_through() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let listener = bed.near.listen(bed.wire.v4(Side::A));
    let to = listener.local_addr().expect("its address");
    let _far = [bed.far.connect(to), bed.far.connect(to)];
    eventually("both in the queue", LONG, || {
        bed.near
            .look()
            .sockets
            .iter()
            .filter(|socket| socket.never_accepted())
            .count()
            == 2
    });
    // The listener is asked as well here: it has a descriptor, and no peer.
    all_unknown(&bed, BY_DESCRIPTOR, 3, |why| {
        matches!(why, Why::NoDescriptor | Why::Unsupported(_))
    });
}

#[test]
fn orphans_have_no_descriptor_to_ask_through() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    // The peer never closes: FIN_WAIT_2, without a descriptor.
    drop(pair.near);
    eventually("an orphan", LONG, || {
        let mut rows = bed.near.look().into_parts().sockets.into_iter();
        rows.any(|row| row.state == TcpState::FinWait2 && row.orphaned())
    });
    all_unknown(&bed, BY_DESCRIPTOR, 1, |why| *why == Why::NoDescriptor);
}

#[test]
fn time_wait_is_not_asked() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    drop(pair.near);
    drop(pair.far);
    eventually("TIME_WAIT", LONG, || {
        let facts = bed.near.look();
        facts.sockets.len() == 1 && facts.sockets[0].state == TcpState::TimeWait
    });
    all_unknown(&bed, ALL, 1, |why| matches!(why, Why::Unsupported(_)));
}

#[test]
fn half_closed_connections_are_not_asked_through_their_descriptor() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    pair.near
        .shutdown(std::net::Shutdown::Write)
        .expect("half-closing");
    socket::wait_state(&pair.near, TcpState::FinWait2);
    all_unknown(&bed, BY_DESCRIPTOR, 1, |why| {
        matches!(why, Why::Unsupported(_))
    });
}

#[test]
fn keepalive_refuses_with_data_in_flight_and_repair_asks() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    bed.wire.cut();
    pair.near.write_all(b"in flight").expect("writing");
    let before = pair.near_options();
    let answer = bed.near.ask_one(&with(Engine::Keepalive));
    let Verdict::Unknown(Why::Unsupported(said)) = answer.verdict else {
        panic!("{answer:?}");
    };
    assert!(said.contains("data is in flight"), "{said}");

    let mark = bed.wire.mark();
    let how = Probe {
        patience: Some(Duration::from_secs(3)),
        ..with(None)
    };
    let answer = bed.near.ask_one(&how);
    assert_eq!(answer.engine, Some(Engine::Repair));
    assert!(answer.verdict.is_dead(), "{answer:?}");
    // The asks are there beside the kernel's retransmissions of data.
    let asks = bed.sent_since(mark).into_iter().filter(|packet| {
        packet.direction == Direction::AtoB && packet.tcp().is_some_and(|tcp| tcp.payload == 0)
    });
    assert_eq!(asks.count(), 3);
    assert_eq!(pair.near_options(), before);
    bed.wire.heal();
    let mut text = [0; 9];
    std::io::Read::read_exact(&mut pair.far, &mut text).expect("what was in flight");
    assert_eq!(&text, b"in flight");
    pair.carries_data();
}
