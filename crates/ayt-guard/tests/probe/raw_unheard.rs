//! The peer answers, and this host drops what it sends before TCP has it. The raw
//! engine's packet socket sees it all the same: that is no life.

use ayt_core::cause::Cause;
use ayt_core::verdict::{Suspicion, Verdict};
use ayt_guard::probe::{Engine, Numbers, Probe};
use ayt_testbed::{Side, Veth};

use crate::bed::{Pair, is_alive, is_dead};
use crate::nft::{drop_from_port, flush, needed};
use crate::raw::raw;
use crate::routed::Routed;
use crate::socket::wait_quiet;

const SUSPECT: Verdict = Verdict::Suspect(Suspicion::Unheard);

/// An idle connection, and what drops the peer's segments on this host. What that
/// needs is kept as long as the connection.
#[track_caller]
fn unheard<K>(six: bool, drop_it: impl Fn(&Routed, &Pair) -> K, heal: impl Fn(&Routed)) {
    let routed = Routed::new();
    let mut pair = routed.connected(six);
    pair.carries_data();
    wait_quiet(&pair.near, 1_050);
    let _kept = drop_it(&routed, &pair);
    let answer = routed.near.ask_one(&raw());
    assert_eq!(answer.verdict, SUSPECT, "{answer:?}");
    assert_eq!(answer.numbers, Some(Numbers::Learnt));
    // Asked by the socket itself it is what it is for the program: silent.
    let repair = Probe {
        engine: Some(Engine::Repair),
        ..raw()
    };
    let answer = routed.near.ask_one(&repair);
    is_dead(&answer, Cause::Unanswered);
    heal(&routed);
    wait_quiet(&pair.near, 600);
    let answer = routed.near.ask_one(&raw());
    assert!(is_alive(&answer), "{answer:?}");
    pair.carries_data();
}

#[test]
fn an_answer_that_this_hosts_firewall_drops_is_no_life() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        unheard(
            six,
            |routed, pair| {
                let port = pair.near.peer_addr().expect("its address").port();
                drop_from_port(&routed.near.ns, port);
            },
            |routed| flush(&routed.near.ns),
        );
    }
}

/// The answers come in where this host would send nothing to the peer.
#[test]
fn an_answer_that_the_strict_source_check_drops_is_no_life() {
    if !needed() {
        return;
    }
    unheard(
        false,
        |routed, _| {
            // The way there is another cable now; the way back is not.
            let other = Veth::join(&routed.near.ns, &routed.router).expect("a cable");
            let near = &routed.near.ns;
            let far = routed.far_address(false);
            let (via, from) = (other.v4(Side::B), routed.near_address(false));
            near.ip(&format!("route add {far}/32 via {via} src {from}"))
                .expect("a route");
            for device in ["all", &routed.left.device()] {
                let sysctl = format!("net/ipv4/conf/{device}/rp_filter");
                near.sysctl(&sysctl, "1").expect("the sysctl");
            }
            other
        },
        |routed| {
            let far = routed.far_address(false);
            let near = &routed.near.ns;
            near.ip(&format!("route del {far}/32")).expect("the route");
        },
    );
}
