//! The owner's close while ayt holds a duplicate, again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ayt_core::facts::HostFacts;
use ayt_guard::probe::probe;
use ayt_testbed::{Direction, Need};

use crate::bed::{Bed, Pair, targets, with};
use crate::socket::LONG;

/// Connections closed in one go, alternately with and without probing.
const BATCH: usize = 50;
const BATCHES: usize = 22;

#[test]
fn an_owners_close_is_not_delayed_and_no_fin_is_lost_under_constant_probing() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let (mut calm, mut probed) = (Vec::new(), Vec::new());
    for batch in 0..BATCHES {
        let pairs = bed.pairs(BATCH);
        let facts = bed.near.look();
        if batch % 2 == 0 {
            calm.extend(close_all(&bed, pairs));
        } else {
            probed.extend(while_probing(&bed, &facts, || close_all(&bed, pairs)));
        }
    }
    assert!(probed.len() >= 500);
    let (calm, probed) = (median(calm), median(probed));
    // Two cores do all of this: the probe, both kernels and the wire.
    let bound = calm * 5 + Duration::from_millis(2);
    assert!(probed <= bound, "{probed:?} with probing, {calm:?} without");
}

/// Closes one after the other; how long each FIN took to reach the wire. A FIN
/// that never comes fails the test.
fn close_all(bed: &Bed, pairs: Vec<Pair>) -> Vec<Duration> {
    let close = |pair: Pair| {
        let port = pair.far.local_addr().expect("its address").port();
        let mark = bed.wire.mark();
        let start = Instant::now();
        drop(pair.near);
        let fin = bed.wire.wait_for("the owner's FIN", mark, LONG, |packet| {
            let to_peer = packet.tcp().is_some_and(|tcp| tcp.destination == port);
            packet.direction == Direction::AtoB && packet.is_fin() && to_peer
        });
        fin.seen.saturating_duration_since(start)
    };
    pairs.into_iter().map(close).collect()
}

/// Does `work` while one thread asks and another looks through duplicates of
/// every descriptor, both without a pause.
fn while_probing<T>(bed: &Bed, facts: &HostFacts, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    let (all, how, mark) = (targets(facts), with(None), bed.wire.mark());
    let without_pause = |stop_run: &AtomicBool| {
        while !stop.load(Ordering::Relaxed) {
            probe(facts, &all, &how, stop_run, &mut |_| {});
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| without_pause(&stop));
        // Stopped before its first ask: it only looks.
        scope.spawn(|| without_pause(&AtomicBool::new(true)));
        bed.wire.wait_for("the first ask", mark, LONG, |_| true);
        let result = work();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
