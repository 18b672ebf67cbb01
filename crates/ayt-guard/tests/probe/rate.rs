//! `--rate` bounds what goes on the wire.

use std::time::{Duration, Instant};

use ayt_guard::probe::Probe;
use ayt_testbed::Need;

use crate::bed::{Bed, is_alive, with};

#[test]
fn fifty_connections_at_a_hundred_a_second_are_spread_over_time() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let _pairs = bed.pairs(50);
    let mark = bed.wire.mark();
    let how = Probe {
        rate: Some(100),
        ..with(None)
    };
    let report = bed.near.ask(&how);
    assert_eq!(report.answers.len(), 50);
    assert!(report.answers.iter().all(is_alive));
    let seen: Vec<Instant> = bed.sent_since(mark).iter().map(|ask| ask.seen).collect();
    assert_eq!(seen.len(), 50, "one ask each");
    let spread = seen[49] - seen[0];
    assert!(spread >= Duration::from_millis(400), "{spread:?}");
    // A wire that was scheduled late takes several at once: nearly all windows
    // hold what the rate allows.
    let window = Duration::from_millis(10);
    let in_window = |from: &Instant| {
        let inside = |at: &&Instant| **at >= *from && **at < *from + window;
        seen.iter().filter(inside).count()
    };
    let crowded = seen.iter().filter(|from| in_window(from) > 2).count();
    assert!(crowded <= 5, "{crowded} of 50 windows hold more than two");
}
