//! With less than all rights: no descriptor is needed, and what is needed is said.

use std::sync::atomic::AtomicBool;

use ayt_core::facts::Socket;
use ayt_core::tcp_state::TcpState;
use ayt_guard::trace::{TraceError, trace};
use ayt_testbed::Fixture;
use rustix::thread::CapabilitySet;

use crate::bed::without;
use crate::chain::{Chain, quick};
use crate::nft::needed;
use crate::socket::wait_quiet;

/// Its process may be anybody's, and hardened against all (Yama, seccomp).
#[test]
fn a_process_that_may_not_be_touched_is_traced() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let listener = chain.far.listen(chain.far_address(false));
    let to = listener.local_addr().expect("its address").to_string();
    let _holder = Fixture::start(&chain.near.ns, ["hold", &to]).expect("a holder");
    let (far, _) = listener.accept().expect("accepting");
    wait_quiet(&far, 600);
    // Of the namespace itself nothing else is known than that it is our own.
    let report = without(CapabilitySet::SYS_PTRACE, || {
        chain.near.ns.run(|| {
            let facts = chain.near.look();
            let row = |socket: &Socket| socket.state == TcpState::Established;
            let at = facts.sockets.iter().position(row).expect("the connection");
            assert!(facts.owners_of(&facts.sockets[at]).is_empty(), "hidden");
            let stop = AtomicBool::new(false);
            trace(&facts, at, &quick(1), &stop, &mut |_| {}).expect("a trace")
        })
    });
    assert!(report.picture.end.is_answered(), "{report:#?}");
    assert!(!report.gone);
}

#[test]
fn without_cap_net_raw_the_remedy_is_said() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    let error = without(CapabilitySet::NET_RAW, || chain.try_trace(&pair, &quick(1)));
    let error = error.expect_err("no right");
    assert!(matches!(error, TraceError::NoRight { .. }), "{error:?}");
    assert!(error.to_string().contains("grant CAP_NET_RAW"), "{error}");
    pair.carries_data();
}
