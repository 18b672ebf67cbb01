//! Where a path ends: swallowed, refused, reset, going round.

use std::net::IpAddr;

use ayt_core::trace::{End, Place, difference};
use ayt_testbed::{Side, eventually};
use rustix::net::sockopt;

use crate::bed::Pair;
use crate::chain::{Chain, FAR, is_swallowed, quick, trace_one, who};
use crate::nft::{SILENCE, needed, rules};
use crate::socket::{LONG, wait_quiet};

/// A connection whose path ends behind a router, as `break_it` does it.
#[track_caller]
fn swallowed_behind(hop: u8, six: bool, break_it: impl Fn(&Chain)) {
    let chain = Chain::new();
    let pair = chain.connected(six);
    break_it(&chain);
    wait_quiet(&pair.near, 600);
    let report = chain.trace(&pair, &quick(2));
    let End::Swallowed { last, asks } = report.picture.end else {
        panic!("{report:#?}");
    };
    let place = Place {
        hop,
        address: chain.address(hop, six),
    };
    assert_eq!(last, Some(place), "{report:#?}");
    // All of the first round, five of the second.
    assert_eq!(asks, u32::from(12 - hop) + 5);
    assert_eq!(report.picture.hops.len(), usize::from(hop));
    assert!(!report.gone, "its socket still exists");
    // What is left of an IPv6 connection that sends its FIN in vain holds its
    // device for half a minute.
    for end in [&pair.near, &pair.far] {
        sockopt::set_socket_linger(end, Some(std::time::Duration::ZERO)).expect("lingering");
    }
}

#[test]
fn a_ghost_that_a_firewall_made_is_swallowed_behind_it() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        swallowed_behind(3, six, |chain| rules(chain.router(3), SILENCE));
    }
}

/// Such a route is taken before the hops that are left are looked at: the router
/// that has it says nothing either.
#[test]
fn a_ghost_that_a_black_hole_made_is_swallowed_before_it() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        swallowed_behind(2, six, |chain| {
            let (family, length) = if six { ("-6 ", 128) } else { ("", 32) };
            let far = chain.far_address(six);
            let route = format!("{family}route add blackhole {far}/{length}");
            chain.router(3).ip(&route).expect("a route");
        });
    }
}

#[test]
fn a_ghost_that_a_cut_cable_made_is_swallowed_before_it() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        swallowed_behind(3, six, |chain| {
            chain.links[3].cable_pulled().expect("pulling");
        });
    }
}

#[test]
fn a_ghost_of_the_first_cable_is_swallowed_at_once() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    chain.links[0].cable_pulled().expect("pulling");
    let report = chain.trace(&pair, &quick(1));
    assert_eq!(
        report.picture.end,
        End::Swallowed {
            last: None,
            asks: 12
        }
    );
    chain.links[0].heal().expect("healing");
    pair.carries_data();
}

/// The way there is cut and the way back is not: the peer's segments come, and
/// prove nothing.
#[test]
fn a_way_back_that_is_open_is_no_way_there() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    wait_quiet(&pair.near, 600);
    chain.links[3].silence(Side::A).expect("silencing");
    // The peer sends it again and again: its acknowledgements are lost.
    std::io::Write::write_all(&mut pair.far, b"hello").expect("writing");
    let report = chain.trace(&pair, &quick(8));
    is_swallowed(&report, 3);
    assert!(report.picture.back_open, "{report:#?}");
    chain.links[3].heal().expect("healing");
    pair.near.set_read_timeout(Some(LONG)).unwrap();
    let mut read = [0; 5];
    std::io::Read::read_exact(&mut pair.near, &mut read).expect("it is alive");
}

#[test]
fn a_router_with_a_strict_source_check_swallows() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let pair = chain.connected(false);
    let fourth = chain.router(4);
    // It would send answers another way than asks come: rp_filter=1 drops them.
    let device = chain.links[3].device();
    for device in ["all", &device] {
        let sysctl = format!("net/ipv4/conf/{device}/rp_filter");
        fourth.sysctl(&sysctl, "1").expect("the sysctl");
    }
    let near = chain.near_address(false);
    let route = format!("route replace {near}/32 via {}", chain.links[4].v4(Side::B));
    fourth.ip(&route).expect("a route");
    let report = chain.trace_at_rest(&pair);
    is_swallowed(&report, 3);
}

/// Refused by the third router, with this code.
#[track_caller]
fn refused(six: bool, code: u8, refuse: impl Fn(&Chain)) {
    let chain = Chain::new();
    let mut pair = chain.connected(six);
    refuse(&chain);
    let report = chain.trace_at_rest(&pair);
    let End::Refused {
        by,
        at,
        code: told,
        hop,
    } = report.picture.end
    else {
        panic!("{report:#?}");
    };
    assert_eq!((by, told), (chain.address(3, six), code), "{report:#?}");
    // A route that refuses does so before it looks at the hops that are left.
    assert!(
        (hop, at) == (4, Some(3)) || (hop, at) == (3, None),
        "{report:#?}"
    );
    let (family, length) = if six { ("-6 ", 128) } else { ("", 32) };
    let far = chain.far_address(six);
    // It is unharmed: as soon as it is let pass it goes on.
    let _ = chain
        .router(3)
        .ip(&format!("{family}route del {far}/{length}"));
    rules(chain.router(3), "flush ruleset");
    pair.carries_data();
}

#[test]
fn a_router_that_prohibits_says_so_with_its_code() {
    if !needed() {
        return;
    }
    let reject = |how: &str| {
        format!(
            "table inet gate {{
                chain forward {{
                    type filter hook forward priority 0; tcp dport != 22 reject with {how};
                }}
            }}"
        )
    };
    refused(false, 13, |chain| {
        rules(chain.router(3), &reject("icmp type admin-prohibited"));
    });
    refused(true, 1, |chain| {
        rules(chain.router(3), &reject("icmpv6 type admin-prohibited"));
    });
    for (kind, code4, code6) in [("prohibit", 13, 1), ("unreachable", 1, 0)] {
        refused(false, code4, |chain| {
            let route = format!("route add {kind} {}/32", chain.far_address(false));
            chain.router(3).ip(&route).expect("a route");
        });
        refused(true, code6, |chain| {
            let route = format!("-6 route add {kind} {}/128", chain.far_address(true));
            chain.router(3).ip(&route).expect("a route");
        });
    }
}

/// The peer forgets the connection without a word, as one that was rebooted.
fn forgotten(chain: &Chain, six: bool) -> Pair {
    let pair = chain.connected(six);
    let Pair { near, far } = pair;
    let device = chain.links[usize::from(FAR) - 1].device();
    let forget = far.try_clone().expect("a duplicate");
    chain
        .far
        .ns
        .ip(&format!("link set {device} down"))
        .expect("down");
    // Its RST goes nowhere.
    sockopt::set_socket_linger(&far, Some(std::time::Duration::ZERO)).expect("lingering");
    drop(far);
    Pair { near, far: forget }
}

#[test]
fn a_peer_that_was_rebooted_answers_rst() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        let chain = Chain::new();
        let Pair { near, far } = forgotten(&chain, six);
        drop(far);
        let last = chain.links.last().expect("a link");
        let device = last.device();
        let far = &chain.far.ns;
        far.ip(&format!("link set {device} up")).expect("up");
        // What was laid over the device went with it.
        if six {
            let address = format!("-6 addr replace {}/64 dev {device} nodad", last.v6(Side::B));
            far.ip(&address).expect("its address");
        }
        last.heal().expect("neighbours");
        let family = if six { "-6 " } else { "" };
        let gateway = if six {
            last.v6(Side::A)
        } else {
            last.v4(Side::A)
        };
        far.ip(&format!("{family}route replace default via {gateway}"))
            .expect("a route");
        wait_quiet(&near, 600);
        let report = trace_one(&chain.near, &near, &quick(2)).expect("a trace");
        let End::Reset { hop, nearer, .. } = report.picture.end else {
            panic!("{report:#?}");
        };
        assert_eq!((hop, nearer), (FAR, None), "{report:#?}");
        assert!(report.gone, "a RST ends it, as at its next byte");
        assert_eq!(who(&report.picture)[4], Some(chain.address(5, six)));
    }
}

#[test]
fn a_rst_from_the_way_is_not_taken_for_the_peers() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let pair = chain.connected(false);
    rules(
        chain.router(3),
        "table inet gate {
            chain forward {
                type filter hook forward priority 0; tcp dport != 22 reject with tcp reset;
            }
        }",
    );
    let report = chain.trace_at_rest(&pair);
    let End::Reset { hop, nearer, .. } = report.picture.end else {
        panic!("{report:#?}");
    };
    assert_eq!((hop, nearer), (4, Some(3)), "{report:#?}");
}

#[test]
fn routers_that_pass_it_to_each_other_are_a_loop() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let pair = chain.connected(false);
    let far = chain.far_address(false);
    let route = format!("route add {far}/32 via {}", chain.links[2].v4(Side::A));
    chain.router(3).ip(&route).expect("a route");
    let report = chain.trace_at_rest(&pair);
    let End::Loop { hop, routers } = &report.picture.end else {
        panic!("{report:#?}");
    };
    assert!((2..=3).contains(hop), "{report:#?}");
    let routers: Vec<IpAddr> = routers.clone();
    assert_eq!(routers.len(), 2);
    assert!(routers.contains(&chain.address(3, false)), "{routers:?}");
}

#[test]
fn beside_a_healthy_connection_the_hop_where_they_part_is_told() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let (ghost, mut healthy) = (chain.connected(false), chain.connected(false));
    let port = ghost.near.peer_addr().expect("its address").port();
    rules(
        chain.router(3),
        &format!(
            "table inet gate {{
                chain forward {{ type filter hook forward priority 0; tcp dport {port} drop; }}
            }}"
        ),
    );
    eventually("both at rest", LONG, || {
        wait_quiet(&ghost.near, 600);
        wait_quiet(&healthy.near, 600);
        true
    });
    let this = chain.trace(&ghost, &quick(1)).picture;
    let other = chain.trace(&healthy, &quick(1)).picture;
    let found = difference(&this, &other).expect("a difference");
    assert_eq!(found.hop, 4);
    assert_eq!(found.shared, Some(chain.address(3, false)));
    assert_eq!(found.this, [] as [IpAddr; 0]);
    assert_eq!(found.other, [chain.address(4, false)]);
    assert_eq!(difference(&other, &other), None);
    healthy.carries_data();
}
