//! `fin-wait-2-stuck`: half-closed, and held; against orphans, which the kernel
//! ends, and half-closes that are used or guarded.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::time::Duration;

use ayt_core::doctor::{Limits, Severity};
use ayt_core::facts::{HostFacts, Socket, TimerKind};
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Need, Ns, eventually};

use crate::support::{
    Done, PATIENCE, assert_held_by, assert_silent, client, connect, found, look, look_until,
    number, run, serve,
};

const RULE: &str = "fin-wait-2-stuck";

/// A close owed for half a second counts, not only for a minute.
fn quick() -> Limits {
    Limits {
        stuck_after: Duration::from_millis(500),
        pile_after: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn halves(facts: &HostFacts, to: SocketAddr) -> Vec<&Socket> {
    let sockets = facts.sockets.iter();
    sockets
        .filter(|socket| socket.remote == to && socket.state == TcpState::FinWait2)
        .collect()
}

fn old_halves(to: SocketAddr, count: usize, least_ms: u64) -> impl Fn(&HostFacts) -> bool {
    move |facts| {
        let halves = halves(facts, to);
        halves.len() == count && halves.iter().all(|s| s.age_at_least_ms() >= Some(least_ms))
    }
}

#[test]
fn held_half_closes_are_told_from_three_on_after_two_seconds() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = serve(&ns, "leak-close-wait", &[])?;
    let addr = ([127, 0, 0, 1], server.port()).into();
    let half = client(&ns, "half-close", addr, &["--number", "3"])?;
    // Real thresholds: a pile counts from two seconds on.
    let finding = found(RULE, &ns, &Limits::default(), 3);
    assert_eq!(finding.severity, Severity::Warning);
    assert_held_by(&finding, &ns, half.pid());
    assert!(
        finding.connections.iter().all(|c| c.remote == addr),
        "{finding:#?}"
    );
    assert!((2_000..60_000).contains(&number(&finding, "oldest_age_at_least_ms")));
    let filters = format!("--pid {} --peer {addr}", half.pid());
    assert!(finding.remedy.contains(&filters), "{}", finding.remedy);
    Ok(())
}

#[test]
fn two_are_no_pile_and_count_only_when_they_are_old() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = serve(&ns, "leak-close-wait", &[])?;
    let addr = ([127, 0, 0, 1], server.port()).into();
    let _half = client(&ns, "half-close", addr, &["--number", "2"])?;
    let facts = look_until(&ns, "both wait", old_halves(addr, 2, 2_100));
    assert_silent(RULE, &facts, &Limits::default());
    assert_eq!(run(RULE, &facts, &quick()).findings.len(), 1);
    Ok(())
}

#[test]
fn an_orphan_is_left_to_the_kernel_which_ends_it() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    ns.sysctl("net/ipv4/tcp_fin_timeout", "3")?;
    let server = serve(&ns, "leak-close-wait", &[])?;
    let addr = ([127, 0, 0, 1], server.port()).into();
    for _ in 0..3 {
        drop(connect(&ns, addr)?);
    }
    // No more than tcp_fin_timeout may be left: it is over before long.
    let orphans = eventually("three orphans are old enough", PATIENCE, || {
        let facts = look(&ns);
        let old = |socket: &&&Socket| socket.orphaned() && socket.timer.kind != TimerKind::Off;
        let count = halves(&facts, addr).iter().filter(old).count();
        (count == 3).then_some(facts)
    });
    assert_silent(RULE, &orphans, &quick());
    look_until(&ns, "the kernel has ended them", |facts| {
        assert_silent(RULE, facts, &quick());
        halves(facts, addr).is_empty()
    });
    Ok(())
}

#[test]
fn a_half_close_with_keepalive_is_guarded() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = serve(&ns, "leak-close-wait", &[])?;
    let addr = ([127, 0, 0, 1], server.port()).into();
    let options = ["--number", "3", "--keepalive", "60/5/3"];
    let _half = client(&ns, "half-close", addr, &options)?;
    let facts = look_until(&ns, "three wait", old_halves(addr, 3, 600));
    assert_silent(RULE, &facts, &quick());
    Ok(())
}

#[test]
fn a_half_close_whose_peer_still_sends_is_in_use() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let _inhabitant = serve(&ns, "serve", &[])?;
    let listener = ns.run(|| TcpListener::bind("127.0.0.1:0"))?;
    let addr = listener.local_addr()?;
    let reader = connect(&ns, addr)?;
    let (mut sender, _) = listener.accept()?;
    reader.shutdown(Shutdown::Write)?;
    // It has sent nothing for long; but it hears its peer.
    let facts = eventually("half closed for long, and heard", PATIENCE, || {
        sender.write_all(b"more")?;
        let facts = look(&ns);
        let long = halves(&facts, addr).iter().any(|socket| {
            let since_birth = socket.tcp.map(|tcp| tcp.last_data_sent_ms);
            since_birth >= Some(1_000) && socket.age_at_least_ms() < Some(300)
        });
        if long {
            Ok(facts)
        } else {
            Err(std::io::Error::other("not yet"))
        }
    });
    assert_silent(RULE, &facts, &quick());
    Ok(())
}
