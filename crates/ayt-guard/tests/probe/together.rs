//! A second ayt at work on the same connections.

use std::sync::Barrier;
use std::time::Duration;

use ayt_core::verdict::Verdict;
use ayt_guard::probe::{Engine, Probe};
use ayt_testbed::{Need, Side, Veth};

use crate::bed::{Bed, Host, Pair, ask, is_alive, pairs, with};
use crate::socket;

const CONNECTIONS: usize = 200;

/// Two ayts ask the same connections at the same time; at the end everything is
/// as it was. A round takes half a second at least: more often than that no peer
/// answers.
fn two_at_work(engines: [Engine; 2], rounds: usize) {
    if !Need::root() {
        return;
    }
    let (near, far) = (Host::new(), Host::new());
    let veth = Veth::join(&near.ns, &far.ns).expect("a veth pair");
    let mut pairs = pairs(&near, &far, veth.v4(Side::A), CONNECTIONS);
    let options = |pairs: &[Pair]| pairs.iter().map(Pair::near_options).collect::<Vec<_>>();
    let before = options(&pairs);
    let facts = near.look();
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for engine in engines {
            let (facts, barrier) = (&facts, &barrier);
            scope.spawn(move || {
                for round in 0..rounds {
                    barrier.wait();
                    let report = ask(facts, &with(engine));
                    assert_eq!(report.answers.len(), CONNECTIONS);
                    for answer in &report.answers {
                        assert!(is_alive(answer), "{engine:?} {round}: {answer:?}");
                    }
                }
            });
        }
    });
    assert_eq!(options(&pairs), before);
    pairs[0].carries_data();
}

#[test]
fn two_ayts_with_the_repair_engine_leave_everything_as_it_was() {
    two_at_work([Engine::Repair; 2], 16);
}

#[test]
fn two_ayts_with_the_keepalive_engine_leave_everything_as_it_was() {
    two_at_work([Engine::Keepalive; 2], 4);
}

#[test]
fn two_ayts_with_different_engines_leave_everything_as_it_was() {
    two_at_work([Engine::Repair, Engine::Keepalive], 4);
}

/// A Linux peer answers asks twice a second at most. The asks of another ayt
/// must not make a living peer look silent, whatever the patience.
#[test]
fn an_answer_that_another_ayt_had_does_not_make_a_peer_silent() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    let impatient = Probe {
        patience: Some(Duration::from_millis(400)),
        ..with(Engine::Repair)
    };
    for round in 0..4 {
        // With data before it, and as the only thing heard for long.
        if round % 2 == 0 {
            pair.carries_data();
        } else {
            socket::wait_quiet(&pair.near, 900);
        }
        for _ in 0..3 {
            let answer = bed.near.ask_one(&impatient);
            assert!(is_alive(&answer), "{round}: {answer:?}");
        }
    }
}

#[test]
fn a_second_run_right_after_the_first_tells_the_round_trip_as_well() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    socket::wait_quiet(&pair.near, 900);
    for run in 0..3 {
        let answer = bed.near.ask_one(&with(Engine::Repair));
        let Verdict::Alive { rtt: Some(rtt) } = answer.verdict else {
            panic!("{run}: {answer:?}");
        };
        assert_eq!(answer.asks, 1);
        assert!(rtt < Duration::from_millis(400), "{run}: {rtt:?}");
    }
}

#[test]
fn several_ayts_in_one_outage_do_not_use_up_the_probes_together() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    // Keepalive is off and its count is five: three asks each of two ayts are
    // more than that.
    rustix::net::sockopt::set_tcp_keepcnt(&pair.near, 5).expect("TCP_KEEPCNT");
    socket::wait_quiet(&pair.near, 1_050);
    let before = pair.near_options();
    let facts = bed.near.look();
    bed.wire.outage(Duration::from_secs(6));
    let asks: u32 = std::thread::scope(|scope| {
        let runs = [(); 3].map(|()| scope.spawn(|| ask(&facts, &with(Engine::Keepalive))));
        let answers = runs.map(|run| run.join().expect("the probe").answers.remove(0));
        for answer in &answers {
            assert_ne!(
                answer.verdict,
                Verdict::Dead(ayt_core::cause::Cause::PeerReset)
            );
            assert_eq!(answer.probes_raised, answer.asks, "{answer:?}");
        }
        answers.iter().map(|answer| answer.asks).sum()
    });
    assert!(asks < 5, "{asks} unanswered asks of 5 that end it");
    pair.carries_data();
    assert_eq!(pair.near_options(), before);
}
