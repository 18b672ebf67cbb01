//! Many connections in one sweep, and more than one ayt at it.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use ayt_core::cause::Cause;
use ayt_guard::probe::{Engine, Numbers, Probe};
use ayt_testbed::{Direction, Need, Packet, Side, Veth};

use crate::bed::{Bed, Host, Pair, ask, is_alive, is_dead, pairs, with};
use crate::raw::raw;
use crate::socket::{LONG, wait_quiet};

fn thousands(number: usize, six: bool) {
    if !Need::root() {
        return;
    }
    let (near, far) = (Host::new(), Host::new());
    let veth = Veth::join(&near.ns, &far.ns).expect("a veth pair");
    let side = if six {
        veth.v6(Side::A)
    } else {
        veth.v4(Side::A)
    };
    let mut pairs = pairs(&near, &far, side, number);
    let before: Vec<_> = pairs.iter().map(Pair::near_options).collect();
    let report = near.ask(&with(Engine::Raw));
    assert_eq!(report.answers.len(), number);
    for answer in &report.answers {
        assert!(is_alive(answer), "{answer:?}");
        assert_eq!(answer.numbers, Some(Numbers::Learnt));
    }
    let after: Vec<_> = pairs.iter().map(Pair::near_options).collect();
    assert_eq!(before, after);
    pairs[0].carries_data();
    pairs[number - 1].carries_data();
}

#[test]
fn a_thousand_connections_are_asked_in_one_sweep() {
    thousands(1_000, true);
}

/// More than the filter can name one by one.
#[test]
fn three_thousand_connections_are_asked_in_one_sweep() {
    thousands(3_000, false);
}

#[test]
fn the_rate_bounds_asks_by_raw_too() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let _pairs = bed.pairs(50);
    let mark = bed.wire.mark();
    let how = Probe {
        rate: Some(100),
        ..with(Engine::Raw)
    };
    let report = bed.near.ask(&how);
    assert!(report.answers.iter().all(is_alive));
    // Two segments each: the kernel's, from which the numbers are learnt, and
    // the ask.
    let seen: Vec<Instant> = bed.sent_since(mark).iter().map(|one| one.seen).collect();
    assert_eq!(seen.len(), 100);
    let spread = seen[99] - seen[0];
    assert!(spread >= Duration::from_millis(400), "{spread:?}");
}

/// Each sees the answer to the other's ask, and the numbers that the other has
/// drawn from the kernel: neither takes the other's segments for the peer's.
fn two_at_work(engines: [Engine; 2], alive: bool) {
    if !Need::root() {
        return;
    }
    const NUMBER: usize = 100;
    let (near, far) = (Host::new(), Host::new());
    let veth = Veth::join(&near.ns, &far.ns).expect("a veth pair");
    let mut pairs = pairs(&near, &far, veth.v4(Side::A), NUMBER);
    // The kernel tells ages by its tick: what was heard right before the first ask
    // cannot be told from an answer.
    for pair in &pairs {
        wait_quiet(&pair.near, 50);
    }
    let before: Vec<_> = pairs.iter().map(Pair::near_options).collect();
    let facts = near.look();
    if !alive {
        veth.cable_pulled().expect("silence");
    }
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for engine in engines {
            let (facts, barrier) = (&facts, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let how = Probe {
                    patience: Some(Duration::from_secs(2)),
                    ..with(engine)
                };
                for answer in ask(facts, &how).answers {
                    if alive {
                        assert!(is_alive(&answer), "{engine:?}: {answer:?}");
                    } else {
                        assert!(answer.verdict.is_dead(), "{engine:?}: {answer:?}");
                    }
                }
            });
        }
    });
    if !alive {
        veth.heal().expect("the cable");
    }
    let after: Vec<_> = pairs.iter().map(Pair::near_options).collect();
    assert_eq!(before, after);
    pairs[0].carries_data();
}

/// The kernel shows its numbers twice a second. Who comes right after somebody else
/// waits for the next time, and does not guess.
#[test]
fn numbers_that_were_shown_to_another_ayt_are_waited_for() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    wait_quiet(&pair.near, 1_050);
    bed.wire.cut();
    let mark = bed.wire.mark();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| bed.near.ask_one(&raw()));
        let sent = |packet: &Packet| packet.direction == Direction::AtoB;
        bed.wire.wait_for("the other's ask", mark, LONG, sent);
        for answer in [bed.near.ask_one(&raw()), other.join().expect("the other")] {
            is_dead(&answer, Cause::Unanswered);
            assert_eq!(answer.numbers, Some(Numbers::Learnt), "{answer:?}");
        }
    });
    bed.wire.heal();
    pair.carries_data();
}

#[test]
fn two_ayts_that_ask_by_raw_find_all_alive() {
    two_at_work([Engine::Raw; 2], true);
}

#[test]
fn an_ayt_that_asks_by_raw_and_one_by_repair_find_all_alive() {
    two_at_work([Engine::Raw, Engine::Repair], true);
}

#[test]
fn two_ayts_that_ask_by_raw_find_all_ghosts_dead() {
    two_at_work([Engine::Raw; 2], false);
}

/// The segments by which one learns numbers are no sign of life to the other.
#[test]
fn an_ayt_that_asks_by_raw_and_one_by_repair_find_all_ghosts_dead() {
    two_at_work([Engine::Raw, Engine::Repair], false);
}
