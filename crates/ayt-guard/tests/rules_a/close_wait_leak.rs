//! `close-wait-leak`: servers and clients that do not close what was closed.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpListener};
use std::process;
use std::time::Duration;

use ayt_core::doctor::{Limits, Severity};
use ayt_core::facts::HostFacts;
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Need, Ns};

use crate::support::{
    Done, assert_held_by, assert_peers, assert_silent, client, connect, found, look, look_until,
    number, on_port, run, serve,
};

const RULE: &str = "close-wait-leak";

/// A close owed for half a second counts, not only for a minute.
fn quick() -> Limits {
    Limits {
        stuck_after: Duration::from_millis(500),
        pile_after: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn closed(port: u16, count: usize, least_ms: u64) -> impl Fn(&HostFacts) -> bool {
    move |facts| {
        let closed = on_port(facts, port, TcpState::CloseWait);
        closed.len() == count && closed.iter().all(|s| s.age_at_least_ms() >= Some(least_ms))
    }
}

#[test]
fn a_server_that_leaks_is_told_from_three_on_after_two_seconds() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let leaky = serve(&ns, "leak-close-wait", &[])?;
    let healthy = serve(&ns, "serve", &[])?;
    let addr = |port| ([127, 0, 0, 1], port).into();
    let mut peers = Vec::new();
    for _ in 0..3 {
        let stream = connect(&ns, addr(leaky.port()))?;
        peers.push(stream.local_addr()?);
        drop(stream);
        drop(connect(&ns, addr(healthy.port()))?);
    }
    // Real thresholds: a pile counts from two seconds on.
    let finding = found(RULE, &ns, &Limits::default(), 3);
    assert_eq!(finding.severity, Severity::Critical);
    assert_peers(&finding, peers);
    assert_held_by(&finding, &ns, leaky.pid());
    assert_eq!(number(&finding, "count"), 3);
    assert!((2_000..60_000).contains(&number(&finding, "oldest_age_at_least_ms")));
    // It has read all, to the end.
    assert_eq!(number(&finding, "unread_bytes"), 0);
    // The healthy one, that closes, has none.
    assert!(on_port(&look(&ns), healthy.port(), TcpState::CloseWait).is_empty());
    Ok(())
}

#[test]
fn two_are_no_pile_and_count_only_when_they_are_old() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let leaky = serve(&ns, "leak-close-wait", &[])?;
    for _ in 0..2 {
        drop(connect(&ns, ([127, 0, 0, 1], leaky.port()).into())?);
    }
    let facts = look_until(&ns, "both are owed", closed(leaky.port(), 2, 2_100));
    assert_silent(RULE, &facts, &Limits::default());
    assert_eq!(run(RULE, &facts, &quick()).findings.len(), 1);
    Ok(())
}

#[test]
fn what_the_program_never_read_is_counted_to_the_byte() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let leaky = serve(&ns, "leak-close-wait", &["--unread"])?;
    for _ in 0..2 {
        let mut stream = connect(&ns, ([127, 0, 0, 1], leaky.port()).into())?;
        stream.write_all(b"goodbye")?;
    }
    let finding = found(RULE, &ns, &quick(), 2);
    assert_held_by(&finding, &ns, leaky.pid());
    assert_eq!(number(&finding, "unread_bytes"), 14);
    Ok(())
}

#[test]
fn a_client_that_never_closes_is_named_by_where_it_connected() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    // Closes at once whoever comes.
    let server = serve(&ns, "churn", &[])?;
    let addr = ([127, 0, 0, 1], server.port()).into();
    let pool = client(&ns, "hold", addr, &["--number", "4"])?;
    let finding = found(RULE, &ns, &quick(), 4);
    assert_held_by(&finding, &ns, pool.pid());
    assert!(
        finding.connections.iter().all(|c| c.remote == addr),
        "{finding:#?}"
    );
    assert!(
        finding.summary.contains(&format!("to {addr}")),
        "{finding:?}"
    );
    assert_eq!(number(&finding, "unread_bytes"), 0);
    Ok(())
}

#[test]
fn a_half_closed_connection_that_still_sends_is_no_leak() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let _inhabitant = serve(&ns, "serve", &[])?;
    let listener = ns.run(|| TcpListener::bind("127.0.0.1:0"))?;
    let port = listener.local_addr()?.port();
    let client = connect(&ns, listener.local_addr()?)?;
    let (mut sender, _) = listener.accept()?;
    client.shutdown(Shutdown::Write)?;
    // More than the client, which does not read, takes.
    sender.set_nonblocking(true)?;
    let full = sender.write_all(&vec![0; 1 << 24]).expect_err("full");
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let facts = look_until(&ns, "it sends, half closed", |facts| {
        let closed = on_port(facts, port, TcpState::CloseWait);
        let sends = |s: &&&ayt_core::facts::Socket| s.send_queue > 0 && s.idle_ms() >= Some(600);
        closed.iter().filter(sends).count() == 1
    });
    let owner = facts.owners_of(on_port(&facts, port, TcpState::CloseWait)[0]);
    assert!(owner.iter().any(|owner| owner.pid == process::id()));
    assert_silent(RULE, &facts, &quick());
    Ok(())
}
