//! Routers that answer in the peer's place: a suspicion, until silence follows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ayt_core::cause::Cause;
use ayt_core::verdict::{Suspicion, Verdict};
use ayt_guard::probe::{Answer, Probe};
use ayt_testbed::{Direction, Need, Origin, Unreachable};

use crate::bed::{Bed, Pair, ask, ask_until, is_alive, with};
use crate::socket::LONG;

/// A connection whose segments a router refuses to carry on.
fn refused(six: bool) -> (Bed, Pair) {
    let bed = Bed::new();
    let mut pair = bed.pair_of(six);
    pair.carries_data();
    bed.wire
        .icmp_unreachable(Direction::AtoB, Unreachable::Host);
    (bed, pair)
}

/// Stops a probe once the router has answered.
fn stopped_after_the_answer(bed: &Bed) -> Answer {
    let facts = bed.near.look();
    let (stop, mark) = (AtomicBool::new(false), bed.wire.mark());
    let mut report = std::thread::scope(|scope| {
        let run = scope.spawn(|| ask_until(&facts, &with(None), &stop));
        let answered = bed
            .wire
            .wait_for("the router's answer", mark, LONG, |packet| {
                packet.origin == Origin::Wire
            });
        // The probe looks every few milliseconds; far before its second ask.
        let later = answered.seen + Duration::from_millis(500);
        std::thread::sleep(later.saturating_duration_since(Instant::now()));
        stop.store(true, Ordering::Relaxed);
        run.join().expect("the probe")
    });
    assert!(report.interrupted);
    report.answers.remove(0)
}

fn suspect_then_dead(six: bool) {
    if !Need::tun() {
        return;
    }
    let (bed, mut pair) = refused(six);
    let early = stopped_after_the_answer(&bed);
    assert_eq!(early.verdict, Verdict::Suspect(Suspicion::Unreachable));
    let facts = bed.near.look();
    let start = Instant::now();
    let report = ask(&facts, &with(None));
    assert_eq!(
        report.answers[0].verdict,
        Verdict::Dead(Cause::Unreachable),
        "{:?}",
        report.partial
    );
    assert!(start.elapsed() >= Duration::from_secs(5));
    bed.wire.heal();
    pair.carries_data();
}

#[test]
fn unreachable_over_ipv4_is_suspect_at_first_and_dead_after_silence() {
    suspect_then_dead(false);
}

#[test]
fn unreachable_over_ipv6_is_suspect_at_first_and_dead_after_silence() {
    suspect_then_dead(true);
}

#[test]
fn a_route_that_heals_within_the_patience_is_alive() {
    if !Need::tun() {
        return;
    }
    for six in [false, true] {
        let (bed, mut pair) = refused(six);
        let facts = bed.near.look();
        let how = Probe {
            patience: Some(Duration::from_secs(3)),
            ..with(None)
        };
        let mark = bed.wire.mark();
        let report = std::thread::scope(|scope| {
            let run = scope.spawn(|| ask(&facts, &how));
            bed.wire
                .wait_for("the router's answer", mark, LONG, |packet| {
                    packet.origin == Origin::Wire
                });
            bed.wire.heal();
            run.join().expect("the probe")
        });
        assert!(is_alive(&report.answers[0]), "{:?}", report.answers);
        pair.carries_data();
    }
}

#[test]
fn the_silence_of_one_connection_says_nothing_of_its_neighbour() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pairs = bed.pairs(2);
    let lost = pairs[0].near.peer_addr().expect("its peer").port();
    // Only the first one is cut off.
    bed.wire.drop_if(move |packet| {
        packet.direction == Direction::AtoB
            && packet.tcp().is_some_and(|tcp| tcp.destination == lost)
    });
    let how = Probe {
        patience: Some(Duration::from_millis(1_500)),
        ..with(None)
    };
    let report = bed.near.ask(&how);
    let of = |pair: &Pair| {
        let cookie = crate::socket::cookie(&pair.near);
        let found = report.answers.iter().find(|a| a.cookie == cookie);
        found.expect("an answer").verdict.clone()
    };
    assert_eq!(of(&pairs[0]), Verdict::Dead(Cause::Unanswered));
    assert!(matches!(of(&pairs[1]), Verdict::Alive { .. }));
    bed.wire.heal();
    for pair in &mut pairs {
        pair.carries_data();
    }
}
