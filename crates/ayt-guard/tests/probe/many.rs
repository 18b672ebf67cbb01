//! A thousand connections of three kinds in one run.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::Probe;
use ayt_testbed::{Need, Packet, Side, eventually};
use rustix::net::sockopt;

use crate::bed::{Bed, Pair, join, targets, with};
use crate::socket::{LONG, cookie};

/// Loses all packets of these ports of the far host.
fn lose(bed: &Bed, ports: BTreeSet<u16>) {
    bed.wire.drop_if(move |packet: &Packet| {
        packet
            .tcp()
            .is_some_and(|tcp| ports.contains(&tcp.source) || ports.contains(&tcp.destination))
    });
}

fn ports(pairs: &[Pair]) -> BTreeSet<u16> {
    let port = |pair: &Pair| pair.far.local_addr().expect("its address").port();
    pairs.iter().map(port).collect()
}

#[test]
fn a_thousand_connections_alive_reset_and_dead_are_told_apart() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    // To one port, so that no two of them share one of the far host.
    let listener = bed.near.listen(bed.wire.v4(Side::A));
    let [alive, reset, dead] = [400, 300, 300].map(|number| join(&listener, &bed.far, number));
    drop(listener);
    let before: Vec<_> = alive.iter().chain(&dead).map(Pair::near_options).collect();
    // The far ends of the second kind end unheard: their peer forgets them.
    lose(&bed, ports(&reset));
    let mut expected = BTreeMap::new();
    let unanswered = Verdict::Dead(Cause::Unanswered);
    expected.extend(
        dead.iter()
            .map(|pair| (cookie(&pair.near), unanswered.clone())),
    );
    let forgotten = Verdict::Dead(Cause::PeerReset);
    let mut near = Vec::new();
    for Pair { near: one, far } in reset {
        expected.insert(cookie(&one), forgotten.clone());
        near.push(one);
        sockopt::set_socket_linger(&far, Some(Duration::ZERO)).expect("SO_LINGER");
    }
    eventually("the loss of what they said last", LONG, || {
        let packets = bed.wire.packets();
        packets.iter().filter(|packet| packet.is_rst()).count() == near.len()
    });
    lose(&bed, ports(&dead));

    let facts = bed.near.look();
    assert_eq!(targets(&facts).len(), 1_000);
    let report = bed.near.ask(&Probe {
        patience: Some(Duration::from_secs(3)),
        ..with(None)
    });
    assert_eq!(report.answers.len(), 1_000);
    assert!(!report.interrupted);
    for answer in &report.answers {
        match expected.get(&answer.cookie) {
            Some(verdict) => assert_eq!(answer.verdict, *verdict, "{answer:?}"),
            None => assert!(crate::bed::is_alive(answer), "{answer:?}"),
        }
    }
    bed.wire.heal();
    let after: Vec<_> = alive.iter().chain(&dead).map(Pair::near_options).collect();
    assert_eq!(before, after);
    drop(near);
}
