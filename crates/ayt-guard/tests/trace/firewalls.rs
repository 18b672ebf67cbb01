//! Firewalls and NATs on the way treat asks as the connection's own.

use std::net::SocketAddr;

use ayt_core::trace::End;
use ayt_testbed::Side;

use crate::chain::{Chain, FAR, rounds};
use crate::nft::{NO_INVALID, drop_from_port, flush, masquerade, needed, rules};
use crate::socket::wait_quiet;

/// The peer answers, every router is named, and the connection goes on.
#[track_caller]
fn passes(six: bool, lay: impl Fn(&Chain)) {
    let chain = Chain::new();
    lay(&chain);
    let mut pair = chain.connected(six);
    wait_quiet(&pair.near, 600);
    let report = chain.trace(&pair, &rounds(2));
    let picture = &report.picture;
    assert!(
        matches!(picture.end, End::Answers { hop: FAR, .. }),
        "{picture:#?}"
    );
    assert!(!report.unheard, "TCP has the answers");
    for hop in &picture.hops {
        assert_eq!((hop.asks, hop.answers), (2, 2), "{hop:?}");
    }
    pair.carries_data();
    // And again, when it has gone on.
    wait_quiet(&pair.near, 600);
    assert!(chain.trace(&pair, &rounds(1)).picture.end.is_answered());
    pair.carries_data();
}

#[test]
fn strict_firewalls_everywhere_let_asks_and_answers_pass() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        passes(six, |chain| {
            for ns in [
                &chain.near.ns,
                chain.router(2),
                chain.router(4),
                &chain.far.ns,
            ] {
                rules(ns, NO_INVALID);
            }
        });
    }
}

#[test]
fn a_nat_in_the_middle_translates_asks_and_what_routers_behind_it_say() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        passes(six, |chain| {
            masquerade(chain.router(2), &chain.links[2].device());
            rules(chain.router(2), NO_INVALID);
        });
    }
}

/// A NAT that translates addresses of packets and not of what ICMP quotes: the
/// quote shows the connection as it is behind it.
#[test]
fn a_nat_that_leaves_quotes_alone_is_named() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let near = chain.near_address(false);
    let outside = chain.links[2].v4(Side::A);
    let device = chain.links[2].device();
    rules(
        chain.router(2),
        &format!(
            "table ip stateless {{
                chain post {{
                    type filter hook postrouting priority 100;
                    oif {device} ip saddr {near} ip saddr set {outside};
                }}
                chain pre {{
                    type filter hook prerouting priority -300;
                    iif {device} ip daddr {outside} notrack ip daddr set {near};
                }}
            }}"
        ),
    );
    let mut pair = chain.connected(false);
    wait_quiet(&pair.near, 600);
    let picture = chain.trace(&pair, &rounds(1)).picture;
    assert!(
        matches!(picture.end, End::Answers { hop: FAR, .. }),
        "{picture:#?}"
    );
    let port = pair.near.local_addr().expect("its address").port();
    for hop in picture.hops.iter().filter(|hop| !hop.peer) {
        let seen = hop.routers[0].translated.map(|flow| flow.local);
        let expected = (hop.ttl > 2).then_some(SocketAddr::new(outside, port));
        assert_eq!(seen, expected, "{hop:?}");
    }
    pair.carries_data();
}

/// The path is whole, and this host's own firewall eats what comes back over it.
#[test]
fn an_answer_that_this_host_drops_is_told_from_one_that_tcp_has() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        let chain = Chain::new();
        let mut pair = chain.connected(six);
        wait_quiet(&pair.near, 600);
        let port = pair.near.peer_addr().expect("its address").port();
        drop_from_port(&chain.near.ns, port);
        let report = chain.trace(&pair, &rounds(1));
        assert!(
            matches!(report.picture.end, End::Answers { hop: FAR, .. }),
            "{report:#?}"
        );
        assert!(report.unheard, "{report:#?}");
        flush(&chain.near.ns);
        wait_quiet(&pair.near, 600);
        assert!(!chain.trace(&pair, &rounds(1)).unheard);
        pair.carries_data();
    }
}
