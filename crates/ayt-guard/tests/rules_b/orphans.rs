//! Closed connections that the kernel cannot finish.
//!
//! Not here: many orphans against `tcp_max_orphans`. That limit is one for the
//! whole machine, and lowering it would reset strangers' connections.

use std::io::Write;
use std::net::SocketAddr;

use ayt_core::doctor::Severity;
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Fixture, Need, Ns, Side, Wire, eventually};

use crate::support::{Done, Look, PATIENCE, amount, connect, peers};

const RULE: &str = "orphans";

fn orphaned(ns: &Ns) -> usize {
    use ayt_testbed::TcpState::{Closing, FinWait1, LastAck};
    let rows = ns.tcp().expect("the table of a namespace");
    let closing = |state| matches!(state, FinWait1 | Closing | LastAck);
    let orphans = rows.iter().filter(|one| one.inode == 0);
    orphans.filter(|one| closing(one.state)).count()
}

#[test]
fn a_peer_that_vanished_leaves_closed_connections_behind() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (home, away) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&home, &away)?;
    let far = SocketAddr::new(wire.v4(Side::B), 7000);
    let _server = Fixture::start(&away, ["serve", "--bind", &far.to_string()])?;
    let four = ["orphans", &far.to_string(), "--number", "4"];
    let mut client = Fixture::start(&home, four)?;
    let look = Look::of(&home);
    look.silent(RULE);
    wire.cut();
    client.tell("go")?;
    client.wait_line("closed", PATIENCE)?;
    let finding = look.one(RULE);
    assert_eq!(finding.severity, Severity::Notice);
    assert_eq!(amount(&finding, "count"), 4);
    // A thousand bytes each, and the FIN.
    assert_eq!(amount(&finding, "queued_bytes"), 4 * 1001);
    assert!(amount(&finding, "oldest_ms") >= 1_000);
    assert_eq!(amount(&finding, "closed_window"), 0);
    assert_eq!(peers(&finding), [far; 4]);
    let states = finding.connections.iter().map(|one| one.state);
    assert!(states.eq([TcpState::FinWait1; 4]));
    assert!(finding.owners.is_empty());
    assert!(finding.summary.contains("does not answer"));
    // And when the peer comes back they end as they should.
    wire.heal();
    eventually("the orphans are gone", PATIENCE, || orphaned(&home) == 0);
    look.silent_soon(RULE);
    Ok(())
}

#[test]
fn a_peer_that_answers_and_does_not_read() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-read", "--rcvbuf", "4096"])?;
    let addr = server.addr().to_string();
    for _ in 0..3 {
        let mut flood = Fixture::start(&ns, ["flood", &addr, "--sndbuf", "16384"])?;
        flood.wait_line("blocked", PATIENCE)?;
        flood.kill()?;
    }
    let finding = Look::of(&ns).one(RULE);
    assert_eq!(amount(&finding, "count"), 3);
    assert_eq!(amount(&finding, "closed_window"), 3);
    assert!(finding.summary.contains("does not read"));
    Ok(())
}

#[test]
fn connections_closed_to_a_living_peer_are_well() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    // Its side of each stays open: what is left here is FIN_WAIT_2 without data.
    let server = Fixture::start(&ns, ["leak-close-wait"])?;
    for _ in 0..5 {
        connect(&ns, server.addr()).write_all(b"bye")?;
    }
    let look = Look::of(&ns);
    let facts = eventually("five in FIN_WAIT_2", PATIENCE, || {
        let facts = look.facts();
        let half = facts
            .sockets
            .iter()
            .filter(|one| one.state == TcpState::FinWait2);
        (half.count() == 5).then_some(facts)
    });
    assert_eq!(look.judge(&facts, RULE), Default::default());
    Ok(())
}
