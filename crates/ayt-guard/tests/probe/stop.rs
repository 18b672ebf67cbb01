//! Stopping a run in its middle.

use std::time::{Duration, Instant};

use ayt_guard::probe::Engine;
use ayt_testbed::{Direction, Need};

use crate::bed::{Bed, Pair};
use crate::child::{Ayt, Folder};
use crate::socket::{self, LONG};

/// What SIGINT and SIGTERM set in the midst of a run.
fn stopped(engine: Engine) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pairs = bed.pairs(300);
    socket::wait_quiet(&pairs[299].near, 1_050);
    let options = |pairs: &[Pair]| pairs.iter().map(Pair::near_options).collect::<Vec<_>>();
    let before = options(&pairs);
    let folder = Folder::new();
    bed.wire.cut();
    let mark = bed.wire.mark();
    // Its patience is 20 s.
    let mut ayt = Ayt::start(&bed.near, engine, &folder);
    bed.wire.wait_for("the first ask", mark, LONG, |packet| {
        packet.direction == Direction::AtoB
    });
    let start = Instant::now();
    ayt.stop();
    let report = ayt.report();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!((report["interrupted"], report["alive"]), (1, 0));
    assert_eq!(folder.journals(), [""; 0].map(std::path::PathBuf::from));
    let mut after = options(&pairs);
    for options in &mut after {
        assert!(options.probes <= 1, "one ask each, at most");
        options.probes = 0;
    }
    assert_eq!(before, after);
    bed.wire.heal();
    pairs[0].carries_data();
}

#[test]
fn a_stopped_run_with_the_keepalive_engine_puts_everything_back() {
    stopped(Engine::Keepalive);
}

#[test]
fn a_stopped_run_with_the_repair_engine_puts_everything_back() {
    stopped(Engine::Repair);
}
