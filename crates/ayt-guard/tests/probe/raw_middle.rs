//! Firewalls and NATs that track connections, at every place on the way.
//!
//! An ask with learnt numbers is what the kernel's own keepalive would send, and
//! passes them all. Of four guesses Linux' connection tracking takes one for a
//! late segment of the connection; the others a strict firewall eats, and a NAT
//! lets them pass untranslated, so that somebody answers RST. Other firewalls may
//! eat all four. So neither silence nor RST after guesses is a death.

use ayt_core::cause::Cause;
use ayt_core::fact::Why;
use ayt_core::verdict::{Suspicion, Verdict};
use ayt_guard::probe::{Answer, Numbers};

use crate::bed::{Pair, is_alive, is_dead};
use crate::nft::{DEAF, NO_INVALID, SILENCE, needed, rules};
use crate::raw::raw;
use crate::routed::Routed;
use crate::socket::wait_quiet;

/// Made after the rules, so that they track it from its first segment; idle for
/// longer than a peer is mute.
fn made(routed: &Routed, connected: bool, six: bool) -> Pair {
    let mut pair = if connected {
        routed.connected(six)
    } else {
        routed.accepted(six)
    };
    pair.carries_data();
    wait_quiet(&pair.near, 1_050);
    pair
}

#[track_caller]
fn is_asked(answer: &Answer, numbers: Numbers) {
    assert!(is_alive(answer), "{answer:?}");
    assert_eq!(answer.numbers, Some(numbers), "{answer:?}");
    assert_eq!(answer.asks, 1, "{answer:?}");
}

/// Alive with these rules, whoever had connected, and unharmed.
fn passes(lay: impl Fn(&Routed)) {
    if !needed() {
        return;
    }
    for connected in [false, true] {
        for six in [false, true] {
            let routed = Routed::new();
            lay(&routed);
            let mut pair = made(&routed, connected, six);
            is_asked(&routed.near.ask_one(&raw()), Numbers::Learnt);
            pair.carries_data();
            // And again, when it has gone on.
            wait_quiet(&pair.near, 600);
            is_asked(&routed.near.ask_one(&raw()), Numbers::Learnt);
            pair.carries_data();
        }
    }
}

#[test]
fn a_router_is_no_obstacle() {
    passes(|_| {});
}

#[test]
fn a_firewall_in_the_middle_that_drops_what_is_invalid_lets_asks_pass() {
    passes(|routed| rules(&routed.router, NO_INVALID));
}

/// On this host it drops one of the two segments that would have the kernel show
/// its numbers: which one depends on who had connected.
#[test]
fn a_firewall_on_this_host_that_drops_what_is_invalid_lets_asks_pass() {
    passes(|routed| rules(&routed.near.ns, NO_INVALID));
}

#[test]
fn a_firewall_on_the_peers_host_that_drops_what_is_invalid_lets_asks_pass() {
    passes(|routed| rules(&routed.far.ns, NO_INVALID));
}

#[test]
fn strict_firewalls_everywhere_let_asks_pass() {
    passes(|routed| {
        for ns in [&routed.near.ns, &routed.router, &routed.far.ns] {
            rules(ns, NO_INVALID);
        }
    });
}

/// Through a NAT only this side can connect.
fn through_nat(lay: impl Fn(&Routed)) {
    if !needed() {
        return;
    }
    for six in [false, true] {
        let routed = Routed::new();
        routed.masquerade();
        lay(&routed);
        let mut pair = made(&routed, true, six);
        let seen = pair.far.peer_addr().expect("its address").ip();
        assert_ne!(seen, routed.near_address(six), "it is translated");
        is_asked(&routed.near.ask_one(&raw()), Numbers::Learnt);
        pair.carries_data();
    }
}

#[test]
fn a_nat_translates_asks_as_the_connections_own() {
    through_nat(|_| {});
}

#[test]
fn a_nat_behind_a_strict_firewall_does_so_too() {
    through_nat(|routed| {
        rules(&routed.router, NO_INVALID);
        rules(&routed.near.ns, NO_INVALID);
    });
}

#[test]
fn a_ghost_behind_a_strict_firewall_and_a_nat_is_dead() {
    if !needed() {
        return;
    }
    let routed = Routed::new();
    routed.masquerade();
    rules(&routed.router, NO_INVALID);
    let mut pair = made(&routed, true, false);
    rules(&routed.router, SILENCE);
    let answer = routed.near.ask_one(&raw());
    is_dead(&answer, Cause::Unanswered);
    assert_eq!(answer.numbers, Some(Numbers::Learnt));
    rules(&routed.router, "delete table inet silence");
    pair.carries_data();
}

/// A firewall that has forgotten the connection calls its segments invalid as
/// well: then it is dead, and that is the truth.
#[test]
fn a_connection_that_a_strict_nat_has_forgotten_is_dead() {
    if !needed() {
        return;
    }
    let routed = Routed::new();
    routed.masquerade();
    rules(&routed.router, NO_INVALID);
    // Without this a router takes a connection up in its middle.
    let loose = "net/netfilter/nf_conntrack_tcp_loose";
    routed.router.sysctl(loose, "0").expect("the sysctl");
    let timeout = "net/netfilter/nf_conntrack_tcp_timeout_established";
    routed.router.sysctl(timeout, "1").expect("the sysctl");
    let pair = made(&routed, true, false);
    // The entry lasts a second from the last segment, and a little.
    wait_quiet(&pair.near, 3_000);
    let answer = routed.near.ask_one(&raw());
    is_dead(&answer, Cause::Unanswered);
}

/// Where nothing can be learnt a guess is made, and on a plain path answered.
#[test]
fn a_guess_is_answered_on_a_plain_path() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        let routed = Routed::new();
        let mut pair = made(&routed, true, six);
        rules(&routed.near.ns, DEAF);
        is_asked(&routed.near.ask_one(&raw()), Numbers::Guessed);
        pair.carries_data();
    }
}

/// Of four guesses one is answered, whatever becomes of the others.
fn guess_passes(lay: impl Fn(&Routed)) {
    if !needed() {
        return;
    }
    // Chance decides which of the four it is.
    for _ in 0..6 {
        let routed = Routed::new();
        lay(&routed);
        let mut pair = made(&routed, true, false);
        rules(&routed.near.ns, DEAF);
        is_asked(&routed.near.ask_one(&raw()), Numbers::Guessed);
        pair.carries_data();
    }
}

#[test]
fn of_four_guesses_one_passes_a_strict_firewall() {
    guess_passes(|routed| rules(&routed.router, NO_INVALID));
}

/// The RSTs that the untranslated ones draw do not harm the connection, nor are
/// they taken for the peer's.
#[test]
fn of_four_guesses_one_is_translated_by_a_nat() {
    guess_passes(Routed::masquerade);
}

#[test]
fn of_four_guesses_one_passes_a_strict_firewall_on_this_host() {
    guess_passes(|routed| rules(&routed.near.ns, NO_INVALID));
}

/// A firewall that knows that the connection's segments have timestamps (RFC
/// 7323 3.2 would have any receiver drop those without).
#[test]
fn silence_after_guesses_is_a_suspicion_and_no_death() {
    if !needed() {
        return;
    }
    let routed = Routed::new();
    let stamped = "table inet stamped {
        chain forward {
            type filter hook forward priority 0; tcp option timestamp missing drop;
        }
    }";
    let mut pair = made(&routed, true, false);
    rules(&routed.router, stamped);
    // Learnt, they have them.
    is_asked(&routed.near.ask_one(&raw()), Numbers::Learnt);
    wait_quiet(&pair.near, 600);
    rules(&routed.near.ns, DEAF);
    let answer = routed.near.ask_one(&raw());
    let suspect = Verdict::Suspect(Suspicion::Silent);
    assert_eq!(answer.verdict, suspect, "{answer:?}");
    assert_eq!(answer.numbers, Some(Numbers::Guessed));
    pair.carries_data();
}

/// The packet socket sees other addresses than the connection has: nothing is
/// learnt, and the answer shows in the kernel's account only.
#[test]
fn a_service_address_that_this_host_translates_is_asked_by_guesses() {
    if !needed() {
        return;
    }
    let routed = Routed::new();
    let listener = routed.far.listen(routed.far_address(false));
    let to = listener.local_addr().expect("its address");
    let service = std::net::SocketAddr::from(([10, 0, 0, 1], to.port()));
    rules(
        &routed.near.ns,
        &format!(
            "table ip services {{
                chain out {{
                    type nat hook output priority -100; ip daddr {} dnat to {};
                }}
            }}",
            service.ip(),
            to.ip()
        ),
    );
    let near = routed.near.connect(service);
    let (far, _) = listener.accept().expect("accepting");
    let mut pair = Pair { near, far };
    pair.carries_data();
    wait_quiet(&pair.near, 1_050);
    let answer = routed.near.ask_one(&raw());
    assert!(is_alive(&answer), "{answer:?}");
    assert_eq!(answer.numbers, Some(Numbers::Guessed), "{answer:?}");
    pair.carries_data();
}

/// A host that lets out no segment but the kernel's own.
#[test]
fn an_ask_that_this_hosts_firewall_drops_says_so() {
    if !needed() {
        return;
    }
    let routed = Routed::new();
    let mut pair = made(&routed, true, false);
    let closed = "table inet closed {
        chain output { type filter hook output priority 0; ip ttl 64 tcp flags == ack drop; }
    }";
    rules(&routed.near.ns, closed);
    let answer = routed.near.ask_one(&raw());
    let Verdict::Unknown(Why::Failed { error, .. }) = &answer.verdict else {
        panic!("{answer:?}");
    };
    assert!(error.contains("firewall"), "{error}");
    rules(&routed.near.ns, "delete table inet closed");
    pair.carries_data();
}
