//! Peers, or others in their name, that answer with RST.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};

use ayt_core::cause::Cause;
use ayt_core::fact::Why;
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::Engine;
use ayt_testbed::{Direction, Need, Side};

use crate::bed::{Bed, ask, with};
use crate::socket::{self, LONG};

const RESET: Verdict = Verdict::Dead(Cause::PeerReset);

/// The owner reads the error, not a clean end: nobody took it from him.
#[track_caller]
fn owner_reads_reset(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    let error = stream.read(&mut [0]).expect_err("no clean end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

fn rebooted(engine: Engine, six: bool) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair_of(six);
    pair.carries_data();
    let _fresh = bed.wire.reboot(Side::B).expect("a reboot");
    let answer = bed.near.ask_one(&with(engine));
    assert_eq!(answer.verdict, RESET, "{answer:?}");
    // The owner never looked until now.
    owner_reads_reset(&mut pair.near);
}

#[test]
fn a_rebooted_peer_is_dead_and_the_owner_who_never_looks_still_has_his_error() {
    rebooted(Engine::Repair, false);
}

#[test]
fn a_rebooted_peer_is_dead_by_keepalive_and_over_ipv6() {
    rebooted(Engine::Keepalive, true);
}

#[test]
fn a_rebooted_peer_is_dead_although_the_owner_reads_the_error_and_closes_at_once() {
    if !Need::tun() {
        return;
    }
    for six in [false, true] {
        let bed = Bed::new();
        let pairs: Vec<_> = (0..20).map(|_| bed.pair_of(six)).collect();
        let facts = bed.near.look();
        let _fresh = bed.wire.reboot(Side::B).expect("a reboot");
        let (owners, _old): (Vec<_>, Vec<_>) = pairs.into_iter().map(|p| (p.near, p.far)).unzip();
        std::thread::scope(|scope| {
            for mut stream in owners {
                scope.spawn(move || {
                    owner_reads_reset(&mut stream);
                    drop(stream);
                });
            }
            let report = ask(&facts, &with(None));
            for answer in &report.answers {
                assert_eq!(answer.verdict, RESET, "{answer:?}");
            }
        });
    }
}

/// The kernel counts a RST as a segment received before it acts on it: looked at
/// in between, it must not pass for an answer.
#[test]
fn of_hundreds_of_resets_at_once_none_is_taken_for_an_answer() {
    if !Need::tun() {
        return;
    }
    for _ in 0..4 {
        let bed = Bed::new();
        let _pairs = bed.pairs(400);
        let facts = bed.near.look();
        let _fresh = bed.wire.reboot(Side::B).expect("a reboot");
        for answer in ask(&facts, &with(None)).answers {
            assert_eq!(answer.verdict, RESET, "{answer:?}");
        }
    }
}

#[test]
fn a_middlebox_that_answers_with_rst_is_a_peer_reset() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    bed.wire.reset(Direction::AtoB);
    let answer = bed.near.ask_one(&with(None));
    assert_eq!(answer.verdict, RESET, "{answer:?}");
    owner_reads_reset(&mut pair.near);
}

#[test]
fn close_wait_whose_peer_has_gone_is_dead_and_its_descriptor_stays() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    pair.far.shutdown(Shutdown::Write).expect("half-closing");
    socket::wait_state(&pair.near, TcpState::CloseWait);
    socket::wait_state(&pair.far, TcpState::FinWait2);
    let _fresh = bed.wire.reboot(Side::B).expect("a reboot");
    let answer = bed.near.ask_one(&with(None));
    assert_eq!(answer.verdict, RESET, "{answer:?}");
    assert_eq!(answer.engine, Some(Engine::Keepalive));
    assert_eq!(socket::info(&pair.near).0, TcpState::Closed);
    assert!(bed.near.look().sockets.is_empty(), "the row vanishes");
}

/// It has ended before the first ask, and its descriptor is still there: nothing
/// is known of how, and the run must not wait for it.
#[test]
fn a_connection_that_ended_between_look_and_ask_is_gone() {
    if !Need::tun() {
        return;
    }
    for engine in [Engine::Repair, Engine::Keepalive] {
        let bed = Bed::new();
        let mut pair = bed.pair();
        let facts = bed.near.look();
        rustix::net::sockopt::set_socket_linger(&pair.far, Some(std::time::Duration::ZERO))
            .expect("SO_LINGER");
        drop(pair.far);
        socket::wait_state(&pair.near, TcpState::Closed);
        let answer = ask(&facts, &with(engine)).answers.remove(0);
        assert_eq!(answer.verdict, Verdict::Unknown(Why::Vanished));
        owner_reads_reset(&mut pair.near);
    }
}

#[test]
fn an_owner_who_aborts_while_asked_was_not_reset_by_the_peer() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    let facts = bed.near.look();
    bed.wire.cut();
    let mark = bed.wire.mark();
    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| ask(&facts, &with(None)));
        bed.wire.wait_for("the ask", mark, LONG, |packet| {
            packet.direction == Direction::AtoB
        });
        // SO_LINGER of 0: RST goes out, and the socket is in no table.
        rustix::net::sockopt::set_socket_linger(&pair.near, Some(std::time::Duration::ZERO))
            .expect("SO_LINGER");
        drop(pair.near);
        run.join().expect("the probe")
    });
    assert_eq!(report.answers[0].verdict, Verdict::Unknown(Why::Vanished));
}
