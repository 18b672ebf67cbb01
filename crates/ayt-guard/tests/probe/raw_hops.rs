//! The raw engine's sockets with few hops: routers answer in the connection's
//! own name, and the connection is unharmed. Path autopsy is made of this.

use std::net::IpAddr;
use std::time::Duration;

use ayt_core::probe::{Exchange, Knock, Numbers, Reply};
use ayt_sys::wire::capture::{Captured, IcmpError, IcmpKind};
use ayt_sys::wire::packet::FourTuple;
use ayt_sys::wire::segment::Ask;
use ayt_sys::{Netns, RawSockets};
use ayt_testbed::{Side, eventually};

use crate::bed::Pair;
use crate::nft::{NO_INVALID, needed, rules};
use crate::routed::Routed;
use crate::socket::{LONG, wait_quiet};

/// One connection being asked hop by hop.
struct Path {
    sockets: RawSockets,
    connection: FourTuple,
    exchange: Exchange,
    errors: Vec<IcmpError>,
    answers: usize,
}

impl Path {
    fn new(routed: &Routed, pair: &Pair) -> Self {
        let ns = Netns::at(&routed.near.ns.path()).expect("the namespace");
        let connection = FourTuple {
            local: pair.near.local_addr().expect("an address"),
            remote: pair.near.peer_addr().expect("an address"),
        };
        let mut path = Self {
            sockets: RawSockets::open(&ns).expect("raw sockets"),
            connection,
            exchange: Exchange::new(0x1234_5678_9abc_def0_0fed_cba9_8765_4321),
            errors: Vec::new(),
            answers: 0,
        };
        path.sockets.watch(&[connection]).expect("a filter");
        // Whatever connection tracking on this host lets pass.
        for how in [Knock::SynAck, Knock::Syn] {
            let knock = path.exchange.knock(how);
            let _ = path.sockets.knock(&connection, 0, &knock);
        }
        path.look();
        assert!(path.exchange.has_learnt());
        path
    }

    fn ask(&mut self, ttl: u8) {
        let (segment, numbers) = self.exchange.ask(0);
        assert_eq!(numbers, Numbers::Learnt);
        let ask = Ask {
            connection: self.connection,
            interface: 0,
            segment,
            ttl: Some(ttl),
            id: 0x4000 + u16::from(ttl),
        };
        self.sockets.ask(&ask).expect("asking");
    }

    fn look(&mut self) {
        self.sockets.wait(Duration::from_millis(50));
        let (exchange, errors, answers) = (&mut self.exchange, &mut self.errors, &mut self.answers);
        let local = self.connection.local;
        self.sockets.drain(|sight| match sight.packet {
            Captured::Segment { from, segment, .. } if from == local => {
                exchange.on_sent(sight.at, &segment);
            }
            Captured::Segment { segment, .. } => {
                let alive = matches!(
                    exchange.on_received(sight.at, &segment),
                    Reply::Alive { rtt: Some(_) }
                );
                *answers += usize::from(alive);
            }
            Captured::Error(error) => errors.push(error),
        });
    }
}

fn hop_by_hop(six: bool, prepare: impl Fn(&Routed)) {
    if !needed() {
        return;
    }
    let routed = Routed::new();
    prepare(&routed);
    let mut pair = routed.connected(six);
    pair.carries_data();
    wait_quiet(&pair.near, 600);
    let mut path = Path::new(&routed, &pair);
    path.ask(1);
    eventually("the router's answer", LONG, || {
        path.look();
        !path.errors.is_empty()
    });
    let error = path.errors[0];
    let router: IpAddr = if six {
        routed.left.v6(Side::B)
    } else {
        routed.left.v4(Side::B)
    };
    assert_eq!((error.from, error.kind), (router, IcmpKind::TimeExceeded));
    assert_eq!(error.connection, path.connection);
    assert_eq!(error.seq, path.exchange.ask(0).0.seq);
    assert_eq!(error.id, if six { 0 } else { 0x4001 });
    assert_eq!(path.answers, 0, "one hop is not enough");
    path.ask(2);
    eventually("the peer's answer", LONG, || {
        path.look();
        path.answers > 0
    });
    pair.carries_data();
}

#[test]
fn a_router_tells_that_the_ask_ran_out_of_hops_and_the_next_hop_is_the_peer() {
    hop_by_hop(false, |_| {});
}

#[test]
fn a_router_tells_it_over_ipv6() {
    hop_by_hop(true, |_| {});
}

#[test]
fn it_tells_it_in_the_connections_own_name_through_a_nat_and_strict_firewalls() {
    hop_by_hop(false, |routed| {
        routed.masquerade();
        for ns in [&routed.near.ns, &routed.router, &routed.far.ns] {
            rules(ns, NO_INVALID);
        }
    });
}
