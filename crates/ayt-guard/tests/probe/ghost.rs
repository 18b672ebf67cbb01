//! Half-open connections: the peer is gone and nothing says so.

use std::time::{Duration, Instant};

use ayt_core::cause::Cause;
use ayt_guard::probe::{Engine, Probe};
use ayt_testbed::Need;

use crate::bed::{Bed, ask, is_dead, with};
use crate::socket;

/// The time left for the answer to the last ask, and room for a late wire.
const LAST_WAIT: Duration = Duration::from_millis(550);

/// Asks a ghost; it must be called dead after `least`, not before, after three
/// asks that the wire has seen.
fn is_found(how: &Probe, least: Duration) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    socket::wait_quiet(&pair.near, 1_050);
    let before = pair.near_options();
    bed.wire.cut();
    let facts = bed.near.look();
    let mark = bed.wire.mark();
    let start = Instant::now();
    let report = ask(&facts, how);
    let took = start.elapsed();
    let answer = &report.answers[0];
    is_dead(answer, Cause::Unanswered);
    assert_eq!(answer.asks, 3);
    assert!(took >= least, "{took:?}");
    assert!(took < least + Duration::from_secs(3), "{took:?}");
    let asks = bed.sent_since(mark);
    assert_eq!(asks.len(), 3, "{asks:?}");
    let first = asks[0].tcp().expect("a segment");
    for packet in &asks {
        let segment = packet.tcp().expect("a segment");
        assert_eq!(segment.payload, 0, "no data is injected");
        assert_eq!(segment.seq, first.seq);
        assert!(segment.flags.ack && !segment.flags.rst && !segment.flags.fin);
    }
    // The asks are spread over the patience, all but what the last answer needs:
    // an outage of nearly that long is survived.
    let spread = asks[2].seen - asks[0].seen;
    assert!(spread >= least - LAST_WAIT, "{spread:?}");

    let after = pair.near_options();
    if answer.engine == Some(Engine::Keepalive) {
        // The documented cost of that engine, and the answer says it.
        assert_eq!(answer.probes_raised, 3);
        assert_eq!(u32::from(after.probes), answer.probes_raised);
    } else {
        assert_eq!(answer.probes_raised, 0);
        assert_eq!(after.probes, before.probes);
    }
    assert_eq!(
        socket::Options {
            probes: before.probes,
            ..after
        },
        before
    );
    // Dead or not, it was not us who ended it: when the wire heals, it works.
    bed.wire.heal();
    pair.carries_data();
}

#[test]
fn a_ghost_is_dead_after_three_asks_and_5s() {
    is_found(&with(None), Duration::from_secs(5));
}

#[test]
fn a_ghost_asked_by_keepalive_is_dead_after_three_asks_and_5s() {
    is_found(&with(Engine::Keepalive), Duration::from_secs(5));
}

#[test]
fn a_ghost_is_dead_after_the_patience_asked_for_and_not_before() {
    for millis in [1_600, 7_000] {
        let patience = Duration::from_millis(millis);
        let how = Probe {
            patience: Some(patience),
            ..with(None)
        };
        is_found(&how, patience);
    }
}
