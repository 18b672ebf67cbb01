//! `no-keepalive`: a real redis-server with its keepalive off, and on.

use std::time::Duration;

use ayt_core::doctor::{Limits, Outcome, Severity};
use ayt_core::facts::HostFacts;
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::Exact;
use ayt_testbed::{Need, Ns, Redis, Side};

use crate::support::{
    Done, Hosts, InFlight, assert_held_by, assert_peers, assert_silent, client, connect, found,
    idle, look_until, look_with, number, only, run, serve, sources,
};

const RULE: &str = "no-keepalive";

/// Idle from a moment on, not from a minute.
fn quick() -> Limits {
    Limits {
        idle_after: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[test]
fn redis_with_keepalive_off_is_told_and_with_it_on_is_not() -> Done {
    if !Need::root() || !Need::program("redis-server", "apt-get install redis-server") {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let [at_off, at_on] = [6379, 6380].map(|port| hosts.at(Side::A, port));
    let off = Redis::start(&hosts.here, at_off, &["--tcp-keepalive", "0"])?;
    let _on = Redis::start(&hosts.here, at_on, &["--tcp-keepalive", "60"])?;
    let _unwatched = client(&hosts.far, "hold", at_off, &["--number", "3"])?;
    let _watched = client(&hosts.far, "hold", at_on, &["--number", "2"])?;
    // A peer on this host cannot vanish unnoticed.
    let _local = client(&hosts.here, "hold", at_off, &[])?;
    let limits = quick();
    let facts = look_until(&hosts.here, "all are idle", |facts| {
        idle(6379, 4, limits.idle_after)(facts) && idle(6380, 2, limits.idle_after)(facts)
    });
    let finding = only(RULE, &facts, &limits);
    assert_eq!(finding.severity, Severity::Notice);
    assert!(
        finding.summary.starts_with("redis-server (pid "),
        "{finding:?}"
    );
    assert_peers(&finding, sources(&hosts.far, at_off));
    assert_held_by(&finding, &hosts.here, off.pid());
    assert!((300..20_000).contains(&number(&finding, "idle_at_least_ms")));
    let arm = format!("--pid {} --local :6379 --keepalive 60/5/3", off.pid());
    assert!(finding.remedy.contains(&arm), "{}", finding.remedy);
    // By its true threshold none is idle yet; and nothing was left unseen.
    assert_silent(RULE, &facts, &Limits::default());
    Ok(())
}

#[test]
fn settings_that_were_not_asked_for_are_unknown_not_off() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let server = serve(&hosts.here, "serve", &[])?;
    let guarded = serve(&hosts.here, "serve", &["--keepalive", "60/5/3"])?;
    let _off = client(&hosts.far, "hold", hosts.at(Side::A, server.port()), &[])?;
    let _on = client(&hosts.far, "hold", hosts.at(Side::A, guarded.port()), &[])?;
    let limits = quick();
    let both = |facts: &HostFacts| {
        idle(server.port(), 1, limits.idle_after)(facts)
            && idle(guarded.port(), 1, limits.idle_after)(facts)
    };
    look_until(&hosts.here, "both are idle", both);
    let outcome = run(RULE, &look_with(&hosts.here, Exact::Never), &limits);
    assert!(outcome.findings.is_empty(), "{outcome:?}");
    // The kernel shows the timer of the guarded one: that much is known.
    assert_eq!(outcome.unknown.len(), 1, "{outcome:?}");
    assert!(
        outcome.unknown[0].what.contains("1 idle connection "),
        "{outcome:?}"
    );
    assert!(outcome.unknown[0].remedy.contains("--exact"), "{outcome:?}");
    Ok(())
}

#[test]
fn a_connection_whose_owner_cannot_be_seen_is_unknown() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let _inhabitant = serve(&hosts.here, "serve", &[])?;
    let server = serve(&hosts.far, "serve", &[])?;
    let addr = hosts.at(Side::B, server.port());
    let hidden = InFlight::hide(connect(&hosts.here, addr)?)?;
    let limits = quick();
    let facts = look_until(&hosts.here, "it is idle and nobody's", |facts| {
        let mut sockets = facts.sockets.iter();
        sockets.any(|socket| {
            socket.remote == addr
                && socket.inode != 0
                && facts.owners_of(socket).is_empty()
                && socket.idle_ms() >= Some(300)
        })
    });
    let outcome = run(RULE, &facts, &limits);
    assert!(outcome.findings.is_empty(), "{outcome:?}");
    assert_eq!(outcome.unknown.len(), 1, "{outcome:?}");
    assert_eq!(
        outcome.unknown[0].what,
        "keepalive of 1 idle connection is unknown"
    );
    assert_eq!(outcome.unknown[0].why, "its owner is hidden");
    drop(hidden);
    Ok(())
}

#[test]
fn a_busy_connection_and_one_within_this_host_need_none() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = serve(&ns, "serve", &[])?;
    let addr = ([127, 0, 0, 1], server.port()).into();
    let _local = client(&ns, "hold", addr, &[])?;
    let facts = look_until(
        &ns,
        "it is idle",
        idle(server.port(), 1, quick().idle_after),
    );
    assert_eq!(run(RULE, &facts, &quick()), Outcome::default());

    let hosts = Hosts::joined()?;
    let server = serve(&hosts.far, "leak-close-wait", &[])?;
    let addr = hosts.at(Side::B, server.port());
    let flood = client(&hosts.here, "flood", addr, &[])?;
    let facts = look_until(&hosts.here, "it has been busy for a second", |facts| {
        facts.sockets.iter().any(|socket| {
            let old = socket.tcp.is_some_and(|tcp| tcp.last_data_recv_ms >= 1_000);
            socket.state == TcpState::Established && old && socket.idle_ms() < Some(300)
        })
    });
    assert_silent(RULE, &facts, &quick());
    // Stopped, it is idle; its owner is known all the same.
    flood.freeze()?;
    let finding = found(RULE, &hosts.here, &quick(), 1);
    assert_held_by(&finding, &hosts.here, flood.pid());
    assert_peers(&finding, [addr]);
    Ok(())
}
