//! What cannot be put back exactly: an idle time that followed the sysctl.

use ayt_guard::probe::Engine;
use ayt_testbed::Need;

use crate::bed::{Bed, Pair, ask, is_alive, with};
use crate::socket::{self, cookie};

#[test]
fn an_idle_time_that_followed_the_sysctl_is_pinned_and_the_answer_says_so() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pairs = bed.pairs(4);
    let [asked, own, repaired, twin] = &pairs[..] else {
        unreachable!("four pairs");
    };
    // Values of its own follow nothing, so nothing is pinned.
    socket::set(&own.near, "600/60/9", 0);
    rustix::net::sockopt::set_socket_keepalive(&own.near, false).expect("SO_KEEPALIVE");
    let look = |pair: &Pair| {
        let mut parts = bed.near.look().into_parts();
        parts.sockets.retain(|row| row.cookie == cookie(&pair.near));
        ayt_core::facts::HostFacts::new(parts)
    };
    let pinned = |pair: &Pair, engine: Engine| {
        let before = pair.near_options();
        let answer = ask(&look(pair), &with(engine)).answers.remove(0);
        assert!(is_alive(&answer), "{answer:?}");
        assert_eq!(pair.near_options(), before, "effective values stay");
        answer.pinned
    };
    assert_eq!(pinned(asked, Engine::Keepalive), ["idle_s"]);
    assert_eq!(pinned(own, Engine::Keepalive), [""; 0]);
    assert_eq!(pinned(repaired, Engine::Repair), [""; 0]);

    bed.near
        .ns
        .sysctl("net/ipv4/tcp_keepalive_time", "1234")
        .expect("the sysctl");
    let idle = |pair: &Pair| pair.near_options().idle_s;
    assert_eq!(idle(asked), 7200, "it no longer follows");
    assert_eq!(idle(own), 600);
    assert_eq!(idle(repaired), 1234);
    assert_eq!(idle(twin), 1234);
}
