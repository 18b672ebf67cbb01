//! Every hop is named, timed, and its silence understood.

use std::time::Duration;

use ayt_core::trace::{End, Noted, Settings};
use ayt_testbed::{Ns, Side, Wire};

use crate::bed::{Host, Pair, join};
use crate::chain::{Chain, FAR, quick, rounds, trace_one, who};
use crate::nft::{NO_INVALID, needed, rules};
use crate::socket::{needs_extensions, wait_quiet, wear_extensions};

const ANSWERS: End = End::Answers {
    hop: FAR,
    sure: true,
};

#[test]
fn five_routers_and_the_peer_are_named_and_timed() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    for six in [false, true] {
        for mut pair in [chain.connected(six), chain.accepted(six)] {
            wait_quiet(&pair.near, 600);
            let picture = chain.trace(&pair, &rounds(2)).picture;
            assert_eq!(picture.end, ANSWERS, "{picture:#?}");
            let expected: Vec<_> = (1..=FAR).map(|hop| Some(chain.address(hop, six))).collect();
            assert_eq!(who(&picture), expected);
            for hop in &picture.hops {
                assert_eq!((hop.asks, hop.answers), (2, 2), "{hop:?}");
                assert_eq!(hop.rtts.len(), 2, "{hop:?}");
                assert!(hop.rtts[0] > Duration::ZERO, "{hop:?}");
                assert_eq!(hop.peer, hop.ttl == FAR);
            }
            pair.carries_data();
        }
    }
}

/// Both ends put hop-by-hop and destination options before their segments.
#[test]
fn extension_headers_of_the_connection_hide_no_hop() {
    if !needed() || !needs_extensions() {
        return;
    }
    let chain = Chain::new();
    rules(chain.router(3), NO_INVALID);
    let mut pair = chain.connected(true);
    wear_extensions(&pair.near);
    wear_extensions(&pair.far);
    pair.carries_data();
    wait_quiet(&pair.near, 600);
    let picture = chain.trace(&pair, &rounds(2)).picture;
    assert_eq!(picture.end, ANSWERS, "{picture:#?}");
    let expected: Vec<_> = (1..=FAR)
        .map(|hop| Some(chain.address(hop, true)))
        .collect();
    assert_eq!(who(&picture), expected);
    pair.carries_data();
}

#[test]
fn a_router_that_answers_nothing_is_no_end_of_the_path() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        let chain = Chain::new();
        // The second; and the last before the peer, whose place then is found by
        // asks that are sent alone.
        for hop in [2, 5] {
            rules(
                chain.router(hop),
                "table inet mute {
                    chain output {
                        type filter hook output priority 0;
                        icmp type time-exceeded drop;
                        icmpv6 type time-exceeded drop;
                    }
                }",
            );
        }
        let mut pair = chain.connected(six);
        wait_quiet(&pair.near, 600);
        let picture = chain.trace(&pair, &rounds(2)).picture;
        assert!(
            matches!(picture.end, End::Answers { hop: FAR, .. }),
            "{picture:#?}"
        );
        for hop in &picture.hops {
            let silent = hop.ttl == 2 || hop.ttl == 5;
            assert_eq!(hop.noted == Noted::Silent, silent, "{hop:?}");
            assert_eq!(hop.routers.is_empty(), silent, "{hop:?}");
        }
        pair.carries_data();
    }
}

#[test]
fn a_router_that_limits_its_icmp_is_not_accused_of_loss() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    // Six at once, then one in ten seconds (icmp(7)).
    let limit = "net/ipv4/icmp_ratelimit";
    chain.router(3).sysctl(limit, "10000").expect("the sysctl");
    for hop in [1, 2, 4, 5] {
        chain.router(hop).sysctl(limit, "0").expect("the sysctl");
    }
    let mut pair = chain.connected(false);
    wait_quiet(&pair.near, 600);
    let picture = chain.trace(&pair, &quick(12)).picture;
    for hop in &picture.hops {
        let noted = if hop.ttl == 3 {
            Noted::Limited
        } else {
            Noted::Nothing
        };
        assert_eq!(hop.noted, noted, "{hop:?}");
    }
    assert_eq!(picture.hops[2].asks, 12);
    assert!(picture.hops[2].answers <= 8, "{:?}", picture.hops[2]);
    pair.carries_data();
}

/// The answers come back over a cable of their own, in one hop: what they have
/// left says nothing of the way there.
#[test]
fn a_way_back_that_is_another_does_not_deceive() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    let back = ayt_testbed::Veth::join(&chain.near.ns, &chain.far.ns).expect("a cable");
    let route = format!(
        "route replace {}/32 via {}",
        chain.near_address(false),
        back.v4(Side::A)
    );
    chain.far.ns.ip(&route).expect("a route");
    // The third router's answers go round by the far host and back that way.
    let third = chain.router(3);
    let route = format!(
        "route replace {}/32 via {}",
        chain.near_address(false),
        chain.links[3].v4(Side::B)
    );
    third.ip(&route).expect("a route");
    for hop in [4, 5] {
        let route = format!(
            "route replace {}/32 via {}",
            chain.near_address(false),
            chain.links[usize::from(hop)].v4(Side::B)
        );
        chain.router(hop).ip(&route).expect("a route");
    }
    chain
        .far
        .ns
        .sysctl("net/ipv4/ip_forward", "1")
        .expect("forwarding");
    pair.carries_data();
    wait_quiet(&pair.near, 600);
    let picture = chain.trace(&pair, &rounds(3)).picture;
    assert_eq!(picture.end, ANSWERS, "{picture:#?}");
    for hop in &picture.hops {
        assert_eq!(hop.noted, Noted::Nothing, "{hop:?}");
    }
    pair.carries_data();
}

/// The first picture is wanted within two round trips of the farthest
/// hop; the ratio is printed, no wall clock is asserted.
#[test]
fn the_first_picture_is_there_after_a_round_trip() {
    if !needed() {
        return;
    }
    // `near` – slow wire – four routers – slow wire – `far`.
    let (near, far) = (Host::new(), Host::new());
    let routers: Vec<Ns> = (0..4).map(|_| Ns::new().expect("a router")).collect();
    let first = Wire::join(&near.ns, &routers[0]).expect("a wire");
    let last = Wire::join(&routers[3], &far.ns).expect("a wire");
    let links: Vec<ayt_testbed::Veth> = routers
        .windows(2)
        .map(|pair| ayt_testbed::Veth::join(&pair[0], &pair[1]).expect("a veth pair"))
        .collect();
    near.ns
        .ip(&format!("route add default via {}", first.v4(Side::B)))
        .expect("a route");
    far.ns
        .ip(&format!("route add default via {}", last.v4(Side::A)))
        .expect("a route");
    for (at, router) in routers.iter().enumerate() {
        router
            .sysctl("net/ipv4/ip_forward", "1")
            .expect("forwarding");
        if let Some(next) = links.get(at) {
            let route = format!("route add {}/32 via {}", last.v4(Side::B), next.v4(Side::B));
            router.ip(&route).expect("a route");
        }
        if at > 0 {
            let back = &links[at - 1];
            let route = format!(
                "route add {}/32 via {}",
                first.v4(Side::A),
                back.v4(Side::A)
            );
            router.ip(&route).expect("a route");
        }
    }
    let ms = Duration::from_millis;
    first.delay(ms(10), ms(10));
    last.delay(ms(15), ms(15));
    let listener = far.listen(last.v4(Side::B));
    let Pair {
        near: far_end,
        far: near_end,
    } = join(&listener, &near, 1).remove(0);
    let mut pair = Pair {
        near: near_end,
        far: far_end,
    };
    pair.carries_data();
    wait_quiet(&pair.near, 600);
    let how = Settings {
        rounds: 1,
        ..Settings::default()
    };
    let report = trace_one(&near, &pair.near, &how).expect("a trace");
    assert!(
        matches!(report.picture.end, End::Answers { hop: 5, .. }),
        "{report:#?}"
    );
    let farthest = report.picture.hops[4].rtts[0];
    let picture = report.first_picture.expect("a picture");
    #[expect(
        clippy::disallowed_macros,
        reason = "a figure for docs/benchmarks.md, where --nocapture shows it"
    )]
    {
        println!(
            "first picture after {picture:?}, the farthest hop's round trip {farthest:?}: {:.2}",
            picture.as_secs_f64() / farthest.as_secs_f64()
        );
    }
    assert!(farthest >= ms(50), "{farthest:?}");
    pair.carries_data();
}
