//! Living peers, however far or frozen.

use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::{Engine, Probe};
use ayt_testbed::{Fixture, Need, Side};

use crate::bed::{Bed, Host, is_alive, with};
use crate::socket;

const ONE_WAY: Duration = Duration::from_secs(1);

fn two_seconds_away(engine: Engine) {
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    bed.wire.delay(ONE_WAY, ONE_WAY);
    socket::wait_quiet(&pair.near, 50);
    let before = pair.near_options();
    assert!(before.reuse_address, "a server's connection has it");
    // Patience so long that one ask is all there is.
    let how = Probe {
        patience: Some(Duration::from_secs(10)),
        ..with(engine)
    };
    let answer = bed.near.ask_one(&how);
    let Verdict::Alive { rtt: Some(rtt) } = answer.verdict else {
        panic!("{answer:?}");
    };
    assert_eq!((answer.engine, answer.asks), (Some(engine), 1));
    let (least, most) = (ONE_WAY * 2, ONE_WAY * 3);
    assert!(least <= rtt && rtt < most, "{rtt:?}");
    assert_eq!(pair.near_options(), before);
    assert_eq!(answer.probes_raised, 0);
    bed.wire.delay(Duration::ZERO, Duration::ZERO);
    pair.carries_data();
}

#[test]
fn a_peer_two_seconds_away_is_alive_by_repair() {
    if Need::tun() {
        two_seconds_away(Engine::Repair);
    }
}

#[test]
fn a_peer_two_seconds_away_is_alive_by_keepalive() {
    if Need::tun() {
        two_seconds_away(Engine::Keepalive);
    }
}

#[test]
fn the_default_patience_is_enough_for_a_peer_two_seconds_away() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    bed.wire.delay(ONE_WAY, ONE_WAY);
    let answer = bed.near.ask_one(&with(None));
    assert!(is_alive(&answer), "{answer:?}");
    bed.wire.delay(Duration::ZERO, Duration::ZERO);
    pair.carries_data();
}

#[test]
fn a_frozen_peer_is_alive() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let bind = SocketAddr::new(bed.wire.v4(Side::B), 0).to_string();
    let server = Fixture::start(&bed.far.ns, ["serve", "--bind", &bind]).expect("a server");
    let mut stream = bed.near.connect(server.addr());
    server.freeze().expect("freezing");
    for engine in [Engine::Repair, Engine::Keepalive] {
        let answer = bed.near.ask_one(&with(engine));
        assert!(is_alive(&answer), "{engine:?}: {answer:?}");
    }
    server.thaw().expect("thawing");
    echoes(&mut stream);
}

fn echoes(stream: &mut TcpStream) {
    let mut other = stream.try_clone().expect("a second descriptor");
    socket::carries(stream, &mut other);
}

#[test]
fn connections_over_ipv6_and_ipv4_mapped_are_asked_too() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut six = bed.pair6();
    let both = bed.near.listen(Ipv6Addr::UNSPECIFIED);
    let port = both.local_addr().expect("its address").port();
    let mut far = bed.far.connect(SocketAddr::new(bed.wire.v4(Side::A), port));
    let (mut mapped, _) = both.accept().expect("accepting");
    for engine in [Engine::Repair, Engine::Keepalive] {
        let report = bed.near.ask(&with(engine));
        assert_eq!(report.answers.len(), 2);
        assert!(report.answers.iter().all(is_alive), "{:?}", report.answers);
    }
    six.carries_data();
    socket::carries(&mut far, &mut mapped);
}

#[test]
fn close_wait_with_a_living_peer_is_alive() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.far
        .shutdown(std::net::Shutdown::Write)
        .expect("half-closing");
    socket::wait_state(&pair.near, TcpState::CloseWait);
    let before = pair.near_options();
    let answer = bed.near.ask_one(&with(None));
    assert!(is_alive(&answer), "{answer:?}");
    assert_eq!(answer.engine, Some(Engine::Keepalive));
    assert_eq!(pair.near_options(), before);
    // The open direction still carries.
    socket::carries(&mut pair.near, &mut pair.far);
}

#[test]
fn a_connection_within_one_namespace_is_alive_from_both_ends() {
    if !Need::root() {
        return;
    }
    let host = Host::new();
    let listener = host.listen([127, 0, 0, 1]);
    let _client = host.connect(listener.local_addr().expect("its address"));
    let _server = listener.accept().expect("accepting");
    for engine in [Engine::Repair, Engine::Keepalive] {
        let report = host.ask(&with(engine));
        assert_eq!(report.answers.len(), 2);
        assert!(report.answers.iter().all(is_alive), "{:?}", report.answers);
    }
}
