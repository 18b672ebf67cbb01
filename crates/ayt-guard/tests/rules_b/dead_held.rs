//! Descriptors whose connections are in no table any more.

use std::net::Shutdown;

use ayt_core::fact::Fact;
use ayt_testbed::{Fixture, Need, Ns, eventually};

use crate::support::{Done, Look, PATIENCE, amount, connect, owners, text};

const RULE: &str = "dead-held";

#[test]
fn resets_that_a_program_has_not_noticed() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let holder = Fixture::start(&ns, ["dead-held", "--number", "5"])?;
    let pid = holder.pid();
    let look = Look::of_pids(&[pid]);
    let facts = look.facts();
    assert!(facts.sockets.is_empty(), "no table shows them");
    let finding = look.one(RULE);
    let program = format!("ayt-fixture (pid {pid}) holds 5 descriptors");
    assert!(finding.summary.starts_with(&program), "{}", finding.summary);
    assert_eq!(amount(&finding, "count"), 5);
    assert_eq!(amount(&finding, "error_waiting"), 5);
    assert!(text(&finding, "by_local_port").ends_with(" x5"));
    assert!(amount(&finding, "descriptor_limit") > 5);
    let held = owners(&finding);
    assert_eq!(held.len(), 5);
    for (owner, fd) in held {
        assert_eq!(owner, pid);
        let link = std::fs::read_link(format!("/proc/{pid}/fd/{fd}"))?;
        assert!(link.to_string_lossy().starts_with("socket:"), "{link:?}");
    }
    // Looking takes nothing from the owner: the errors still wait.
    assert_eq!(amount(&look.one(RULE), "error_waiting"), 5);
    Ok(())
}

#[test]
fn two_are_too_few_and_living_connections_are_none() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let two = Fixture::start(&ns, ["dead-held", "--number", "2"])?;
    let server = Fixture::start(&ns, ["leak-close-wait"])?;
    let clients: Vec<_> = (0..4).map(|_| connect(&ns, server.addr())).collect();
    clients[0].shutdown(Shutdown::Write)?;
    let look = Look::of_pids(&[two.pid(), server.pid()]);
    look.silent(RULE);
    let facts = look.facts();
    let Some(Fact::Known(held)) = &facts.dead_held else {
        panic!("{:?}", facts.dead_held);
    };
    assert_eq!(held.len(), 2, "they are seen");
    Ok(())
}

#[test]
fn sockets_of_other_kinds_and_never_connected_ones_are_well() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let odd = Fixture::start(&ns, ["odd-sockets", "--number", "6"])?;
    let facts = Look::of_pids(&[odd.pid()]).facts();
    assert_eq!(facts.dead_held, Some(Fact::Known(Vec::new())));
    Look::of_pids(&[odd.pid()]).silent(RULE);
    Ok(())
}

#[test]
fn where_it_was_not_looked_at_nothing_is_claimed() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let holder = Fixture::start(&ns, ["dead-held", "--number", "5"])?;
    // It counts to the namespace of its holder.
    let mut look = Look::of(&ns);
    assert_eq!(owners(&look.one(RULE))[0].0, holder.pid());
    // A dead socket has no peer left that a filter could judge.
    look.collect.filter.peer = vec!["127.0.0.1".parse()?];
    assert_eq!(look.facts().dead_held, None);
    Ok(())
}

#[test]
fn what_ayt_destroyed_is_held_until_its_owner_closes() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["leak-close-wait"])?;
    for _ in 0..3 {
        drop(connect(&ns, server.addr()));
    }
    let look = Look::of_pids(&[server.pid()]);
    let facts = eventually("three in CLOSE_WAIT", PATIENCE, || {
        let facts = look.facts();
        (leaked(&facts).count() == 3).then_some(facts)
    });
    let orders: Vec<_> = leaked(&facts)
        .map(|at| ayt_guard::reap::Order {
            at,
            unless_heard: false,
            account: None,
        })
        .collect();
    let reaped = ayt_guard::reap::reap(&facts, &orders);
    assert!(reaped.iter().all(|one| one.still_held.len() == 1));
    let finding = look.one(RULE);
    assert_eq!(amount(&finding, "count"), 3);
    let port = format!("{} x3", server.port());
    assert_eq!(text(&finding, "by_local_port"), port);
    Ok(())
}

fn leaked(facts: &ayt_core::facts::HostFacts) -> impl Iterator<Item = usize> {
    let close_wait = ayt_core::tcp_state::TcpState::CloseWait;
    let all = facts.sockets.iter().enumerate();
    all.filter(move |(_, one)| one.state == close_wait)
        .map(|(at, _)| at)
}
