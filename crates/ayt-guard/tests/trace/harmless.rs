//! What lives is unharmed, and nothing of a socket changes.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use ayt_core::trace::End;
use ayt_guard::trace::{TraceError, trace};
use ayt_testbed::{Need, eventually};

use crate::bed::Pair;
use crate::chain::{Chain, FAR, find, is_swallowed, quick, rounds};
use crate::nft::{DEAF, NO_INVALID, masquerade, needed, rules};
use crate::socket::{LONG, wait_quiet};

/// Bytes of a pattern that cannot be mistaken for its neighbour.
fn pattern(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// Pumps the pattern through until told to stop, then reads all of it.
fn pump(mut from: &std::net::TcpStream, stop: &AtomicBool, sent: &AtomicU64) {
    let mut at = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let bytes: Vec<u8> = (at..at + 4_096).map(pattern).collect();
        from.write_all(&bytes).expect("writing");
        at += 4_096;
        sent.store(at, Ordering::Relaxed);
        // Some of the time the connection is at rest between two pieces.
        if at.is_multiple_of(1 << 20) {
            thread::sleep(std::time::Duration::from_millis(3));
        }
    }
    from.shutdown(std::net::Shutdown::Write).expect("the end");
}

fn drain(mut to: &std::net::TcpStream) -> u64 {
    let mut buffer = vec![0; 65_536];
    let mut at = 0u64;
    loop {
        match to.read(&mut buffer).expect("reading") {
            0 => return at,
            length => {
                for byte in &buffer[..length] {
                    assert_eq!(*byte, pattern(at), "byte {at}");
                    at += 1;
                }
            }
        }
    }
}

/// Both ways full of data, behind a NAT and strict firewalls.
#[test]
fn a_busy_connection_carries_every_byte_while_it_is_traced() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    masquerade(chain.router(2), &chain.links[2].device());
    rules(chain.router(2), NO_INVALID);
    rules(chain.router(4), NO_INVALID);
    let pair = chain.connected(false);
    let stop = AtomicBool::new(false);
    let sent = [AtomicU64::new(0), AtomicU64::new(0)];
    let Pair { near, far } = &pair;
    thread::scope(|scope| {
        let (one, other) = (&sent[0], &sent[1]);
        scope.spawn(|| pump(near, &stop, one));
        scope.spawn(|| pump(far, &stop, other));
        let there = scope.spawn(|| drain(far));
        let back = scope.spawn(|| drain(near));
        eventually("data both ways", LONG, || {
            sent.iter()
                .all(|sent| sent.load(Ordering::Relaxed) > 1 << 16)
        });
        let before: Vec<u64> = sent
            .iter()
            .map(|sent| sent.load(Ordering::Relaxed))
            .collect();
        let report = chain.trace(&pair, &quick(6));
        assert!(
            matches!(report.picture.end, End::Answers { hop: FAR, .. }),
            "{report:#?}"
        );
        assert!(!report.gone);
        eventually("it goes on", LONG, || {
            sent.iter()
                .zip(&before)
                .all(|(sent, before)| sent.load(Ordering::Relaxed) > before + (1 << 16))
        });
        stop.store(true, Ordering::Relaxed);
        let (there, back) = (there.join().expect("there"), back.join().expect("back"));
        assert_eq!(there, sent[0].load(Ordering::Relaxed));
        assert_eq!(back, sent[1].load(Ordering::Relaxed));
    });
}

#[test]
fn no_option_and_no_count_of_the_socket_changes() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    wait_quiet(&pair.near, 600);
    let before = pair.near_options();
    let sent = crate::socket::info(&pair.near).1;
    assert!(chain.trace(&pair, &rounds(2)).picture.end.is_answered());
    assert_eq!(pair.near_options(), before);
    let after = crate::socket::info(&pair.near).1;
    assert_eq!(after.bytes_acked, sent.bytes_acked);
    assert_eq!(after.bytes_received, sent.bytes_received);
    assert_eq!(after.total_retrans, sent.total_retrans);
    pair.carries_data();
}

/// Router's answers about asks with few hops reach the kernel, too: it must not
/// take them for its own segments'. With data in flight it would.
#[test]
fn a_ghost_with_data_in_flight_keeps_its_socket_and_recovers() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    chain.links[3].cable_pulled().expect("pulling");
    pair.near.write_all(b"hello").expect("writing");
    let report = chain.trace(&pair, &quick(3));
    is_swallowed(&report, 3);
    assert!(pair.near.take_error().expect("asking").is_none());
    chain.links[3].heal().expect("healing");
    pair.far.set_read_timeout(Some(LONG)).unwrap();
    let mut read = [0; 5];
    pair.far
        .read_exact(&mut read)
        .expect("what was in flight arrives");
    pair.carries_data();
}

/// A stop in the middle ends it with what is known.
#[test]
fn it_can_be_stopped() {
    if !Need::root() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    wait_quiet(&pair.near, 600);
    let (facts, at) = find(&chain.near, &pair.near);
    let stop = AtomicBool::new(false);
    let report = trace(&facts, at, &rounds(1_000), &stop, &mut |picture| {
        stop.store(picture.end.is_answered(), Ordering::Relaxed);
    })
    .expect("a trace");
    assert!(report.interrupted);
    assert!(report.picture.end.is_answered());
    pair.carries_data();
}

/// A device on the same network whose cable was pulled: nothing of what is asked gets
/// on the wire.
#[test]
fn a_next_hop_that_nobody_answers_for_is_told() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        let chain = Chain::new();
        let mut pair = chain.connected(six);
        let next = chain.router(1);
        rules(next, NO_NEIGHBOUR);
        let forget = format!(
            "neigh delete {} dev {}",
            chain.address(1, six),
            chain.links[0].device()
        );
        chain.near.ns.ip(&forget).expect("no neighbour");
        let error = chain.try_trace(&pair, &quick(1)).expect_err("no way");
        assert!(matches!(error, TraceError::NoWay(_)), "{error:?}");
        assert!(error.to_string().contains("neighbour"), "{error}");
        rules(next, "flush ruleset");
        pair.carries_data();
    }
}

/// A router that answers neither ARP nor neighbour solicitations.
const NO_NEIGHBOUR: &str = "
table arp mute { chain in { type filter hook input priority 0; arp operation request drop; }; }
table ip6 mute { chain in { type filter hook input priority 0;
    icmpv6 type nd-neighbor-solicit drop; }; }";

#[test]
fn a_connection_whose_numbers_cannot_be_learnt_is_not_asked_by_guesses() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    rules(&chain.near.ns, DEAF);
    let error = chain.try_trace(&pair, &quick(1)).expect_err("no numbers");
    assert!(matches!(error, TraceError::Numbers(_)), "{error:?}");
    assert!(error.to_string().contains("could not be learnt"), "{error}");
    pair.carries_data();
}
