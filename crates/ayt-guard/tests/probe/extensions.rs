//! IPv6 extension headers before a connection's segments (RFC 8200 4), as its
//! program may ask for them (RFC 3542 6.1).

use std::net::TcpStream;

use ayt_core::cause::Cause;
use ayt_guard::probe::{Engine, Numbers};
use ayt_testbed::{Direction, Need, Unreachable};

use crate::bed::{Bed, Pair, is_alive, is_dead, with};
use crate::raw::raw;
use crate::socket::{EXTENSIONS, needs_extensions, wait_quiet, wear_extensions};

/// Headers of an empty segment without them: IPv6, TCP, timestamps.
const BARE: usize = 40 + 20 + 12;

type Who = fn(&Pair) -> Vec<&TcpStream>;

/// The peer, this side, both.
const WHO: [Who; 3] = [
    |pair| vec![&pair.far],
    |pair| vec![&pair.near],
    |pair| vec![&pair.near, &pair.far],
];

#[test]
fn a_connection_whose_segments_have_extension_headers_is_alive() {
    if !Need::tun() || !needs_extensions() {
        return;
    }
    for who in WHO {
        let bed = Bed::new();
        let mut pair = bed.pair6();
        let worn = who(&pair);
        let lengths = [&pair.near, &pair.far].map(|end| {
            let has = worn.iter().any(|one| std::ptr::eq(*one, end));
            BARE + if has { EXTENSIONS } else { 0 }
        });
        worn.into_iter().for_each(wear_extensions);
        pair.carries_data();
        wait_quiet(&pair.near, 600);
        let mark = bed.wire.mark();
        let answer = bed.near.ask_one(&raw());
        assert!(is_alive(&answer), "{answer:?}");
        assert_eq!(answer.numbers, Some(Numbers::Learnt));
        assert_eq!(answer.asks, 1);
        // The kernels' own: what showed the numbers, and the peer's answer.
        let packets = bed.wire.packets_since(mark);
        for (direction, length) in [Direction::AtoB, Direction::BtoA].into_iter().zip(lengths) {
            let first = packets.iter().find(|one| one.direction == direction);
            assert_eq!(first.expect("a packet").length, length, "{packets:?}");
        }
        pair.carries_data();
    }
}

/// The router quotes a packet that has them.
#[test]
fn a_router_that_quotes_extension_headers_is_heard_by_every_engine() {
    if !Need::tun() || !needs_extensions() {
        return;
    }
    for engine in [Engine::Repair, Engine::Raw] {
        let bed = Bed::new();
        let mut pair = bed.pair6();
        wear_extensions(&pair.near);
        pair.carries_data();
        bed.wire
            .icmp_unreachable(Direction::AtoB, Unreachable::Host);
        let how = ayt_guard::probe::Probe {
            engine: with(engine).engine,
            ..raw()
        };
        let answer = bed.near.ask_one(&how);
        is_dead(&answer, Cause::Unreachable);
        bed.wire.heal();
        pair.carries_data();
    }
}
