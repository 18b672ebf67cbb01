//! `keepalive-slow`: real servers whose keepalive takes hours, and the same with
//! quick settings.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::doctor::{Finding, Limits, Severity};
use ayt_core::facts::Owner;
use ayt_guard::collect::Exact;
use ayt_testbed::{Need, Redis, Side, Sshd, eventually};

use crate::support::{
    Done, Hosts, InFlight, PATIENCE, assert_held_by, assert_peers, assert_silent, client, connect,
    found, idle, look_until, look_with, number, only, run, serve, sources, text,
};

const RULE: &str = "keepalive-slow";

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn redis_with_hours_of_keepalive_is_told_with_the_time_it_takes() -> Done {
    if !Need::root() || !Need::program("redis-server", "apt-get install redis-server") {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let [at_slow, at_quick] = [6379, 6380].map(|port| hosts.at(Side::A, port));
    let slow = Redis::start(&hosts.here, at_slow, &["--tcp-keepalive", "3600"])?;
    let _quick = Redis::start(&hosts.here, at_quick, &["--tcp-keepalive", "60"])?;
    let _slow = client(&hosts.far, "hold", at_slow, &["--number", "2"])?;
    let _quick = client(&hosts.far, "hold", at_quick, &[])?;
    let facts = look_until(&hosts.here, "all accepted", |facts| {
        idle(6379, 2, Duration::ZERO)(facts) && idle(6380, 1, Duration::ZERO)(facts)
    });
    let finding = only(RULE, &facts, &limits());
    assert_eq!(finding.severity, Severity::Notice);
    assert_peers(&finding, sources(&hosts.far, at_slow));
    assert_held_by(&finding, &hosts.here, slow.pid());
    // Redis asks every third of the time, three times.
    assert_eq!(text(&finding, "keepalive"), "3600/1200/3");
    assert_eq!(number(&finding, "detection_ms"), 7_200_000);
    assert!(run(RULE, &facts, &limits()).unknown.is_empty());
    Ok(())
}

/// Whoever it says holds the connection does, and is of this command.
fn is_held_by_command(finding: &Finding, command: &str) -> bool {
    let holds = |owner: &Owner| {
        let proc = |file: &str| format!("/proc/{}/{file}", owner.pid);
        let link = fs::read_link(proc(&format!("fd/{}", owner.fd))).unwrap_or_default();
        link.to_string_lossy() == format!("socket:[{}]", owner.inode)
            && fs::read_to_string(proc("comm")).is_ok_and(|comm| comm.starts_with(command))
    };
    !finding.owners.is_empty() && finding.owners.iter().all(holds)
}

#[test]
fn sshd_with_the_kernels_two_hours_is_told_and_follows_the_sysctls() -> Done {
    if !Need::root() || !Need::program("sshd", "apt-get install openssh-server") {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let addr = hosts.at(Side::A, 22);
    let _sshd = Sshd::start(&hosts.here, addr, &["TCPKeepAlive yes"])?;
    let _client = client(&hosts.far, "hold", addr, &[])?;
    // At first it hands the connection on from process to process.
    let finding = eventually("it settles", PATIENCE, || {
        let finding = found(RULE, &hosts.here, &limits(), 1);
        is_held_by_command(&finding, "sshd").then_some(finding)
    });
    assert_peers(&finding, sources(&hosts.far, addr));
    assert!(
        finding.summary.contains("the kernel's 2 h default"),
        "{finding:?}"
    );
    assert_eq!(text(&finding, "keepalive"), "7200/75/9");
    assert_eq!(number(&finding, "detection_ms"), 7_875_000);

    // The times follow the sysctls as long as the program set none.
    hosts.here.sysctl("net/ipv4/tcp_keepalive_time", "60")?;
    let facts = look_until(&hosts.here, "read again", |facts| {
        facts
            .keepalive
            .values()
            .any(|s| s.known().is_some_and(|s| s.enabled && s.idle_s == 60))
    });
    assert_silent(RULE, &facts, &limits());
    Ok(())
}

#[test]
fn the_kernels_timer_tells_where_the_settings_cannot_be_read() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let slow = serve(&hosts.here, "serve", &["--keepalive", "7200/75/9"])?;
    let quick = serve(&hosts.here, "serve", &["--keepalive", "60/5/3"])?;
    let at_slow: SocketAddr = hosts.at(Side::A, slow.port());
    let _slow = client(&hosts.far, "hold", at_slow, &[])?;
    let _quick = client(&hosts.far, "hold", hosts.at(Side::A, quick.port()), &[])?;
    look_until(&hosts.here, "both accepted", |facts| {
        idle(slow.port(), 1, Duration::ZERO)(facts) && idle(quick.port(), 1, Duration::ZERO)(facts)
    });
    let facts = look_with(&hosts.here, Exact::Never);
    let finding = only(RULE, &facts, &limits());
    assert_peers(&finding, sources(&hosts.far, at_slow));
    assert_held_by(&finding, &hosts.here, slow.pid());
    let next = number(&finding, "next_probe_at_most_ms");
    // The timer's wheel rounds up, by up to a part in eight.
    assert!((7_100_000..8_200_000).contains(&next), "{next}");
    let unknown = run(RULE, &facts, &limits()).unknown;
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert_eq!(unknown[0].what, "keepalive of 2 connections is unknown");
    Ok(())
}

#[test]
fn a_connection_whose_owner_cannot_be_seen_and_without_timer_is_unknown() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let _inhabitant = serve(&hosts.here, "serve", &[])?;
    let server = serve(&hosts.far, "serve", &[])?;
    let addr = hosts.at(Side::B, server.port());
    let _hidden = InFlight::hide(connect(&hosts.here, addr)?)?;
    let facts = look_until(&hosts.here, "it is nobody's", |facts| {
        let mut sockets = facts.sockets.iter();
        sockets.any(|socket| socket.remote == addr && facts.owners_of(socket).is_empty())
    });
    let outcome = run(RULE, &facts, &limits());
    assert!(outcome.findings.is_empty(), "{outcome:?}");
    assert_eq!(outcome.unknown[0].why, "its owner is hidden");
    Ok(())
}

#[test]
fn slow_settings_towards_a_peer_on_this_host_do_no_harm() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let server = serve(&hosts.here, "serve", &["--keepalive", "7200/75/9"])?;
    // By the host's own outer address, too.
    for addr in [
        ([127, 0, 0, 1], server.port()).into(),
        hosts.at(Side::A, server.port()),
    ] {
        let _local = client(&hosts.here, "hold", addr, &[])?;
        let facts = look_until(
            &hosts.here,
            "accepted",
            idle(server.port(), 1, Duration::ZERO),
        );
        assert_silent(RULE, &facts, &limits());
    }
    Ok(())
}
