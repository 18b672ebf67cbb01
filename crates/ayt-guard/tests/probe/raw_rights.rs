//! With less than all rights: what is missing is said, and the rest is given.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ayt_core::verdict::Verdict;
use ayt_guard::probe::{Engine, Probe};
use ayt_testbed::{Fixture, Need, Ns, Side, Wire};
use rustix::thread::CapabilitySet;

use crate::bed::{Bed, Host, ask, is_alive, targets, with, without};
use crate::raw::raw;
use crate::socket::carries;

#[test]
fn without_cap_net_raw_the_rest_is_asked_and_the_remedy_is_said() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let listener = bed.near.listen(bed.wire.v4(Side::A));
    let _queued = bed.far.connect(listener.local_addr().expect("its address"));
    let mut pair = bed.pair();
    let report = without(CapabilitySet::NET_RAW, || bed.near.ask_all(&with(None)));
    assert_eq!(report.answers.len(), 2, "{:?}", report.answers);
    let (alive, unknown): (Vec<_>, Vec<_>) = report.answers.iter().partition(|one| is_alive(one));
    assert_eq!(alive[0].engine, Some(Engine::Repair));
    let Verdict::Unknown(why) = &unknown[0].verdict else {
        panic!("{unknown:?}");
    };
    assert!(why.to_string().contains("grant CAP_NET_RAW"), "{why}");
    assert_eq!(unknown[0].choice.passed_over.len(), 3);
    // By name it is said of every connection.
    let report = without(CapabilitySet::NET_RAW, || bed.near.ask_all(&raw()));
    let said: BTreeSet<String> = report
        .answers
        .iter()
        .map(|one| format!("{:?}", one.verdict))
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.iter().all(|one| one.contains("CAP_NET_RAW")));
    pair.carries_data();
}

/// A process with more rights than we have: its descriptors are not ours to see.
#[test]
fn a_process_whose_descriptors_are_hidden_is_asked_by_raw() {
    untouchable(true);
}

/// They were seen, and duplicating them is refused: as by Yama, or by a seccomp
/// filter that knows no pidfd_getfd.
#[test]
fn a_process_that_may_not_be_touched_is_asked_by_raw() {
    untouchable(false);
}

/// `hidden`: the look itself is without the right, too.
#[track_caller]
fn untouchable(hidden: bool) {
    if !Need::tun() {
        return;
    }
    // Found by its name: those in it are not ours to look at.
    let ns = Ns::named(&format!("ayt-raw-{}-{hidden}", std::process::id())).expect("a namespace");
    let (near, far) = (Host::of(ns), Host::new());
    let wire = Wire::join(&near.ns, &far.ns).expect("a wire");
    let bed = Bed { near, far, wire };
    let bind = SocketAddr::new(bed.wire.v4(Side::A), 0).to_string();
    let server = Fixture::start(&bed.near.ns, ["serve", "--bind", &bind]).expect("a server");
    let mut far = bed.far.connect(server.addr());
    let mut facts = bed.near.look();
    let mut report = without(CapabilitySet::SYS_PTRACE, || {
        if hidden {
            facts = bed.near.look();
        }
        ask(&facts, &auto())
    });
    let row = &facts.sockets[targets(&facts)[0]];
    assert_eq!(facts.owners_of(row).is_empty(), hidden, "{row:?}");
    let answer = report.answers.remove(0);
    assert!(is_alive(&answer), "{answer:?}");
    assert_eq!(answer.engine, Some(Engine::Raw));
    let why = &answer.choice.passed_over[0].1;
    assert!(why.to_string().contains("CAP_SYS_PTRACE"), "{why}");
    let mut again = far.try_clone().expect("a second descriptor");
    carries(&mut far, &mut again);
}

fn auto() -> Probe {
    Probe {
        engine: None,
        ..raw()
    }
}
