//! What `ayt plan` promises, on this kernel: a cable is pulled, and both paths end
//! within the span.

#![expect(
    clippy::disallowed_methods,
    reason = "it measures when a real kernel ends a connection"
)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ayt_core::plan::Family;
use ayt_testbed::{Direction, Fixture, Need, Ns, Side, Veth, Wire};
use common::ayt;
use rustix::net::sockopt;
use serde_json::Value;

/// What a busy machine adds to a timer, and to the waking of a program.
const BUSY: Duration = Duration::from_millis(750);

/// A connection from one host to another, with the planned settings.
fn connect(host: &Ns, to: SocketAddr, plan: &Value) -> TcpStream {
    let stream = host.run(|| TcpStream::connect(to).expect("a connection"));
    let seconds = |name: &str| {
        let seconds = plan["keepalive"][name].as_u64();
        Duration::from_secs(seconds.expect("whole seconds"))
    };
    sockopt::set_tcp_keepidle(&stream, seconds("idle_s")).expect("idle");
    sockopt::set_tcp_keepintvl(&stream, seconds("interval_s")).expect("interval");
    let count = plan["keepalive"]["count"].as_u64().expect("a count");
    sockopt::set_tcp_keepcnt(&stream, u32::try_from(count).expect("small")).expect("count");
    let user_timeout = plan["user_timeout_ms"].as_u64().expect("a user timeout");
    let user_timeout = u32::try_from(user_timeout).expect("small");
    sockopt::set_tcp_user_timeout(&stream, user_timeout).expect("user timeout");
    sockopt::set_socket_keepalive(&stream, true).expect("keepalive");
    stream
}

#[track_caller]
fn within(took: Duration, span: &Value, what: &str) {
    let end = |at: usize| Duration::from_secs_f64(span[at].as_f64().expect("a time"));
    assert!(
        took >= end(0) && took <= end(1) + BUSY,
        "{what}: {took:?} is not within {span}"
    );
}

#[test]
fn both_paths_end_when_the_planner_says() {
    if !Need::root() {
        return;
    }
    let plan = ayt(["plan", "--detect-within", "7s", "--json"])
        .exits(0)
        .row();
    let (host, peer) = (Ns::new().expect("a host"), Ns::new().expect("a host"));
    let cable = Veth::join(&host, &peer).expect("a cable");
    let bind = format!("{}:0", cable.v4(Side::B));
    let server = Fixture::start(&peer, ["serve", "--bind", &bind]).expect("a server");
    // The last byte heard is that of the handshake: from before it, nothing is early.
    let idle_heard = Instant::now();
    let mut idle = connect(&host, server.addr(), &plan);
    let mut busy = connect(&host, server.addr(), &plan);
    cable.cable_pulled().expect("pulling the cable");
    let sent = Instant::now();
    busy.write_all(b"are you there?").expect("a send");
    let waits = std::thread::spawn(move || {
        let error = busy.read(&mut [0; 8]).expect_err("the peer is gone");
        (sent.elapsed(), error.kind())
    });
    let error = idle.read(&mut [0; 8]).expect_err("the peer is gone");
    let took = idle_heard.elapsed();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    let (in_flight, kind) = waits.join().expect("the reader");
    assert_eq!(kind, std::io::ErrorKind::TimedOut);
    within(in_flight, &plan["in_flight_detection_s"], "in flight");
    within(took, &plan["idle_detection_s"], "idle");
}

/// The bytes that are counted are those on the wire: a probe and its answer.
#[test]
fn a_probe_and_its_answer_are_as_long_as_they_are_billed() {
    if !Need::tun() {
        return;
    }
    let plan = ayt(["plan", "--check", "1/1/9 U=9s", "--json"]).row();
    let (host, peer) = (Ns::new().expect("a host"), Ns::new().expect("a host"));
    let wire = Wire::join(&host, &peer).expect("a wire");
    for (address, family) in [
        (wire.v4(Side::B), Family::V4),
        (wire.v6(Side::B), Family::V6),
    ] {
        let bind = SocketAddr::new(address, 0).to_string();
        let server = Fixture::start(&peer, ["serve", "--bind", &bind]).expect("a server");
        let _stream = connect(&host, server.addr(), &plan);
        let mark = wire.mark();
        let patience = Duration::from_secs(20);
        // The last segment of the handshake may still come after the mark.
        let probe = |direction| {
            wire.wait_for("a segment of the keepalive", mark, patience, |packet| {
                packet.direction == direction && packet.tcp().is_some_and(|tcp| tcp.payload == 0)
            })
        };
        let lengths = [Direction::from(Side::A), Direction::from(Side::B)]
            .map(|direction| probe(direction).length as u64);
        assert_eq!(lengths, [family.empty_segment(); 2], "{family:?}");
    }
}
