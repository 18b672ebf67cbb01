//! Outages that heal: a probe in their middle must not make them worse.
//!
//! FACTS.md names two settings with which careless asking kills: 3/60/3, which
//! died of ETIMEDOUT once a 4 s outage had eaten three asks, and 4/4/3 with a
//! user timeout of 3 s, which one unanswered ask reset at its next period.

use std::time::{Duration, Instant};

use ayt_core::fact::Why;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::Engine;
use ayt_testbed::Need;

use crate::bed::{Bed, with};
use crate::socket::{self, LONG};

/// By then the careless engine had killed both (at 4 s of idleness, and after
/// the third ask at 4.5 s plus the idle time of 3 s).
const DEADLY: Duration = Duration::from_secs(9);

/// Settings of the near socket: I/V/N and U in milliseconds.
type Settings = Option<(&'static str, u32)>;
const PLAIN: Settings = None;
const SHORT_COUNT: Settings = Some(("3/60/3", 0));
const USER_TIMEOUT: Settings = Some(("4/4/3", 3_000));

/// Asks at the beginning of an outage; the connection must outlive it and the
/// moment that was deadly, without a byte of data in between to heal it.
fn outlives(seconds: u64, settings: Settings, engine: Option<Engine>) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    if let Some((keepalive, user_timeout_ms)) = settings {
        socket::set(&pair.near, keepalive, user_timeout_ms);
    }
    // The keepalive engine needs a second of idleness; without it the outage
    // would be over before the first ask.
    socket::wait_quiet(&pair.near, 1_050);
    let before = pair.near_options();
    let facts = bed.near.look();
    let start = Instant::now();
    bed.wire.outage(Duration::from_secs(seconds));
    let report = crate::bed::ask(&facts, &with(engine));
    let answer = &report.answers[0];
    // Asked again after the outage, or asked by its own keepalive.
    assert!(crate::bed::is_alive(answer), "{answer:?}");
    std::thread::sleep(DEADLY.saturating_sub(start.elapsed()));
    assert_eq!(pair.near_options(), before);
    pair.carries_data();
}

/// The keepalive engine refuses with a reason and sends nothing.
fn keepalive_refuses(settings: Settings, reason: &str) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    if let Some((keepalive, user_timeout_ms)) = settings {
        socket::set(&pair.near, keepalive, user_timeout_ms);
    }
    socket::wait_quiet(&pair.near, 1_050);
    let before = pair.near_options();
    let mark = bed.wire.mark();
    let answer = bed.near.ask_one(&with(Engine::Keepalive));
    let Verdict::Unknown(Why::Unsupported(said)) = answer.verdict else {
        panic!("{answer:?}");
    };
    assert!(said.contains(reason), "{said}");
    assert_eq!((answer.engine, answer.asks), (None, 0));
    assert_eq!(bed.sent_since(mark), []);
    assert_eq!(pair.near_options(), before);
    pair.carries_data();
}

#[test]
fn a_plain_connection_outlives_an_outage_of_1s() {
    outlives(1, PLAIN, Some(Engine::Repair));
}

#[test]
fn a_plain_connection_outlives_an_outage_of_4s() {
    outlives(4, PLAIN, None);
}

#[test]
fn a_plain_connection_asked_by_keepalive_outlives_an_outage_of_1s() {
    outlives(1, PLAIN, Some(Engine::Keepalive));
}

#[test]
fn a_plain_connection_asked_by_keepalive_outlives_an_outage_of_4s() {
    outlives(4, PLAIN, Some(Engine::Keepalive));
}

#[test]
fn keepalive_3_60_3_outlives_an_outage_of_1s() {
    outlives(1, SHORT_COUNT, None);
}

#[test]
fn keepalive_3_60_3_outlives_an_outage_of_4s() {
    outlives(4, SHORT_COUNT, Some(Engine::Repair));
}

#[test]
fn a_user_timeout_outlives_an_outage_of_1s() {
    outlives(1, USER_TIMEOUT, Some(Engine::Repair));
}

#[test]
fn a_user_timeout_outlives_an_outage_of_4s() {
    outlives(4, USER_TIMEOUT, None);
}

#[test]
fn keepalive_refuses_where_a_few_probes_end_the_connection() {
    keepalive_refuses(SHORT_COUNT, "TCP_KEEPCNT");
}

#[test]
fn keepalive_refuses_where_a_user_timeout_ends_the_connection() {
    keepalive_refuses(USER_TIMEOUT, "user timeout");
}

#[test]
fn data_under_way_in_an_outage_arrives_although_it_was_asked() {
    if !Need::tun() {
        return;
    }
    use std::io::{Read, Write};
    let bed = Bed::new();
    let mut pair = bed.pair();
    bed.wire.outage(Duration::from_secs(2));
    pair.near.write_all(b"late").expect("writing");
    let answer = bed.near.ask_one(&with(None));
    assert!(crate::bed::is_alive(&answer), "{answer:?}");
    let mut text = [0; 4];
    pair.far.set_read_timeout(Some(LONG)).expect("a timeout");
    pair.far.read_exact(&mut text).expect("reading");
    assert_eq!(&text, b"late");
    pair.carries_data();
}
