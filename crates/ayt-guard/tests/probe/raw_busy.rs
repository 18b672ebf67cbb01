//! The raw engine in the midst of traffic: not a byte is lost, and nothing is
//! slowed to a halt.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ayt_core::verdict::Verdict;
use ayt_guard::probe::Engine;
use ayt_testbed::{Need, Side, Veth};

use crate::bed::{Host, Pair, ask, is_alive, pairs, with};
use crate::raw::raw;
use crate::socket::LONG;

const ROUNDS: usize = 25;

/// Stops those who pour, also where the test fails in between.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends the bytes of a counter until told to stop; returns how many.
fn pour(mut stream: &TcpStream, stop: &AtomicBool) -> u64 {
    let mut sent = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let chunk: Vec<u8> = (sent..sent + 8_192).map(byte_at).collect();
        stream.write_all(&chunk).expect("writing");
        sent += 8_192;
    }
    stream.shutdown(std::net::Shutdown::Write).expect("the end");
    sent
}

/// Reads to the end, and knows every byte.
fn drink(mut stream: &TcpStream, so_far: &AtomicU64) -> u64 {
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    let (mut received, mut buffer) = (0u64, vec![0; 65_536]);
    loop {
        let length = stream.read(&mut buffer).expect("reading");
        if length == 0 {
            return received;
        }
        for &byte in &buffer[..length] {
            assert_eq!(byte, byte_at(received), "at {received}");
            received += 1;
        }
        so_far.store(received, Ordering::Relaxed);
    }
}

fn byte_at(at: u64) -> u8 {
    (at ^ at >> 8 ^ at >> 16) as u8
}

#[test]
fn while_both_sides_send_not_a_byte_is_lost() {
    if !Need::root() {
        return;
    }
    let (near, far) = (Host::new(), Host::new());
    let veth = Veth::join(&near.ns, &far.ns).expect("a veth pair");
    for address in [veth.v4(Side::A), veth.v6(Side::A)] {
        let pair = pairs(&near, &far, address, 1).remove(0);
        let (stop, received) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; 2]);
        std::thread::scope(|scope| {
            let ends = [&pair.near, &pair.far];
            let pours = ends.map(|end| scope.spawn(|| pour(end, &stop)));
            let drinks = [0, 1].map(|nth: usize| {
                let (end, received) = (ends[1 - nth], &received[nth]);
                scope.spawn(move || drink(end, received))
            });
            let stopping = Stop(&stop);
            for round in 0..ROUNDS {
                let facts = near.look();
                let before: u64 = received.iter().map(|one| one.load(Ordering::Relaxed)).sum();
                let answer = ask(&facts, &raw()).answers.remove(0);
                assert!(is_alive(&answer), "{round}: {answer:?}");
                // It goes on.
                ayt_testbed::eventually("more bytes", LONG, || {
                    let now: u64 = received.iter().map(|one| one.load(Ordering::Relaxed)).sum();
                    now > before + 1_000_000
                });
            }
            drop(stopping);
            let sent = pours.map(|pour| pour.join().expect("pouring"));
            let got = drinks.map(|drink| drink.join().expect("drinking"));
            assert_eq!(sent, got);
        });
    }
}

/// Data that nobody acknowledges keeps keepalive away; a raw ask says what is.
#[test]
fn with_data_in_flight_silence_is_death_and_the_data_still_arrives() {
    if !Need::root() {
        return;
    }
    let (near, far) = (Host::new(), Host::new());
    let veth = Veth::join(&near.ns, &far.ns).expect("a veth pair");
    let Pair {
        near: mut one,
        far: mut other,
    } = pairs(&near, &far, veth.v4(Side::A), 1).remove(0);
    veth.cable_pulled().expect("silence");
    one.write_all(b"in flight").expect("writing");
    let answer = near.ask_one(&with(Engine::Raw));
    assert!(matches!(answer.verdict, Verdict::Dead(_)), "{answer:?}");
    veth.heal().expect("the cable");
    let mut text = [0; 9];
    other.set_read_timeout(Some(LONG)).expect("a timeout");
    other.read_exact(&mut text).expect("what was in flight");
    assert_eq!(&text, b"in flight");
}

/// A living peer with a closed window, and one that is asked again and again
/// while another ayt asks it.
#[test]
fn a_full_receiver_is_alive_and_takes_the_rest_later() {
    if !Need::root() {
        return;
    }
    let (near, far) = (Host::new(), Host::new());
    let veth = Veth::join(&near.ns, &far.ns).expect("a veth pair");
    let Pair {
        near: one,
        far: other,
    } = pairs(&near, &far, veth.v4(Side::A), 1).remove(0);
    one.set_nonblocking(true).expect("non-blocking");
    let mut sent = 0u64;
    let full = || {
        let chunk: Vec<u8> = (sent..sent + 8_192).map(byte_at).collect();
        (&one)
            .write(&chunk)
            .map(|length| sent += length as u64)
            .is_err()
    };
    let mut full = full;
    let mut quiet = 0;
    while quiet < 20 {
        if full() {
            quiet += 1;
            std::thread::sleep(Duration::from_millis(10));
        } else {
            quiet = 0;
        }
    }
    for _ in 0..3 {
        let answer = near.ask_one(&with(Engine::Raw));
        assert!(is_alive(&answer), "{answer:?}");
    }
    let received = AtomicU64::new(0);
    one.set_nonblocking(false).expect("blocking");
    std::thread::scope(|scope| {
        let drinking = scope.spawn(|| drink(&other, &received));
        one.shutdown(std::net::Shutdown::Write).expect("the end");
        assert_eq!(drinking.join().expect("drinking"), sent);
    });
}
