//! Ways in which a careless keepalive engine would end or mark a living
//! connection, found by reading `net/ipv4/tcp_timer.c`.

use std::net::Shutdown;
use std::time::Duration;

use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::Engine;
use ayt_testbed::Need;

use crate::bed::{Bed, ask, is_alive, with};
use crate::socket;

/// Once the idle time has passed, putting it back makes the timer due again: an
/// ask would count twice, and 2/60/4 would die at the third.
#[test]
fn an_ask_never_counts_twice() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.carries_data();
    socket::set(&pair.near, "2/60/4", 0);
    socket::wait_quiet(&pair.near, 1_050);
    let facts = bed.near.look();
    bed.wire.outage(Duration::from_secs(4));
    let answer = ask(&facts, &with(Engine::Keepalive)).answers.remove(0);
    assert!(!answer.verdict.is_dead(), "{answer:?}");
    // Its own keepalive may ask once in that time.
    let probes = u32::from(pair.near_options().probes);
    assert!(probes <= answer.asks + 1, "{probes} {answer:?}");
    pair.carries_data();
}

/// Unanswered asks count against keepalive that the owner has switched on: they
/// bring its end nearer. Nobody who has not asked for that engine gets it.
#[test]
fn the_owners_own_keepalive_is_not_brought_nearer_to_its_end() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    // So long that it does not ask by itself in the middle of the test.
    socket::set(&pair.near, "300/1/9", 0);
    // CLOSE_WAIT, because there the other engine cannot ask.
    pair.far.shutdown(Shutdown::Write).expect("half-closing");
    socket::wait_state(&pair.near, TcpState::CloseWait);
    // The FIN is acknowledged: the wire is silent.
    socket::wait_state(&pair.far, TcpState::FinWait2);
    let before = pair.near_options();
    let answer = bed.near.ask_one(&with(None));
    assert!(is_alive(&answer), "{answer:?}");
    assert_eq!(answer.engine, Some(Engine::Raw));
    let (passed, why) = answer.choice.passed_over.last().expect("a reason");
    assert_eq!(*passed, Engine::Keepalive);
    assert!(why.to_string().contains("its own keepalive"), "{why}");
    assert_eq!(pair.near_options(), before);
    socket::carries(&mut pair.near, &mut pair.far);
}

/// By name it may, as long as each ask counts once and enough are left.
#[test]
fn keepalive_by_name_asks_a_connection_with_keepalive_of_its_own() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    socket::set(&pair.near, "60/5/9", 0);
    let before = pair.near_options();
    let answer = bed.near.ask_one(&with(Engine::Keepalive));
    assert!(is_alive(&answer), "{answer:?}");
    assert!(answer.pinned.is_empty());
    assert_eq!(pair.near_options(), before);
    pair.carries_data();
}

/// A sysctl may hold more seconds than the option takes: what cannot be put
/// back is not set.
#[test]
fn an_idle_time_that_no_option_can_hold_is_not_touched() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let sysctl = "net/ipv4/tcp_keepalive_time";
    bed.near.ns.sysctl(sysctl, "100000").expect("the sysctl");
    let mut pair = bed.pair();
    let before = pair.near_options();
    assert_eq!(before.idle_s, 100_000);
    let answer = bed.near.ask_one(&with(Engine::Keepalive));
    assert!(matches!(answer.verdict, Verdict::Unknown(_)), "{answer:?}");
    assert_eq!(pair.near_options(), before);
    assert!(is_alive(&bed.near.ask_one(&with(None))));
    pair.carries_data();
}
