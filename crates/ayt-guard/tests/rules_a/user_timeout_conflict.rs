//! `user-timeout-conflict`: settings that do not agree, and what the kernel then
//! really does.

use std::time::{Duration, Instant};

use ayt_core::doctor::{Limits, Severity};
use ayt_guard::collect::Exact;
use ayt_testbed::{Fixture, Need, Side, TcpRow, TcpState, eventually};

use crate::support::{
    Done, Hosts, PATIENCE, assert_held_by, assert_peers, assert_silent, client, found, idle,
    look_until, look_with, number, run, serve, sources, text,
};

const RULE: &str = "user-timeout-conflict";

/// Idle from a moment on, not from a minute.
fn quick() -> Limits {
    Limits {
        idle_after: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// A server with these settings, and a client of it.
fn pair<L>(
    hosts: &Hosts<L>,
    addr: impl Fn(u16) -> std::net::SocketAddr,
    options: &[&str],
) -> Result<(Fixture, Fixture), Box<dyn std::error::Error>> {
    let server = serve(&hosts.here, "serve", options)?;
    let client = client(&hosts.far, "hold", addr(server.port()), &[])?;
    Ok((server, client))
}

#[test]
fn a_masked_count_is_told_by_how_many_probes_are_left() -> Done {
    if !Need::root() {
        return Ok(());
    }
    for (user_timeout, severity, detection_ms) in [
        ("20000", Severity::Warning, 65_000),
        ("70000", Severity::Notice, 70_000),
        ("90000", Severity::Notice, 90_000),
    ] {
        let hosts = Hosts::joined()?;
        let options = ["--keepalive", "60/5/3", "--user-timeout", user_timeout];
        let (server, _client) = pair(&hosts, |port| hosts.at(Side::A, port), &options)?;
        let finding = found(RULE, &hosts.here, &Limits::default(), 1);
        assert_eq!(finding.severity, severity, "{finding:?}");
        assert_eq!(number(&finding, "detection_ms"), detection_ms);
        assert_eq!(
            number(&finding, "detection_without_user_timeout_ms"),
            75_000
        );
        assert!(
            text(&finding, "keepalive").starts_with("60/5/3 U="),
            "{finding:?}"
        );
        assert_peers(
            &finding,
            sources(&hosts.far, hosts.at(Side::A, server.port())),
        );
        assert_held_by(&finding, &hosts.here, server.pid());
    }
    Ok(())
}

#[test]
fn settings_that_agree_are_not_told() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let at = |port| hosts.at(Side::A, port);
    let keepalive = ["--keepalive", "60/5/3", "--user-timeout", "75000"];
    let (both, _client) = pair(&hosts, at, &keepalive)?;
    let (only_keepalive, _other) = pair(&hosts, at, &keepalive[..2])?;
    let facts = look_until(&hosts.here, "both are idle", |facts| {
        idle(both.port(), 1, quick().idle_after)(facts)
            && idle(only_keepalive.port(), 1, quick().idle_after)(facts)
    });
    assert_silent(RULE, &facts, &quick());
    Ok(())
}

#[test]
fn a_user_timeout_alone_is_told_once_the_connection_is_idle() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let options = ["--user-timeout", "20000"];
    let (server, _client) = pair(&hosts, |port| hosts.at(Side::A, port), &options)?;
    let facts = look_until(
        &hosts.here,
        "it is idle",
        idle(server.port(), 1, quick().idle_after),
    );
    assert_silent(RULE, &facts, &Limits::default());
    let finding = found(RULE, &hosts.here, &quick(), 1);
    assert_eq!(finding.severity, Severity::Notice);
    assert_eq!(number(&finding, "user_timeout_at_most_ms"), 20_000);
    assert!((300..20_000).contains(&number(&finding, "idle_at_most_ms")));
    assert_held_by(&finding, &hosts.here, server.pid());
    Ok(())
}

#[test]
fn settings_that_were_not_read_are_unknown() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = Hosts::joined()?;
    let options = ["--keepalive", "60/5/3", "--user-timeout", "20000"];
    let (server, _client) = pair(&hosts, |port| hosts.at(Side::A, port), &options)?;
    look_until(
        &hosts.here,
        "accepted",
        idle(server.port(), 1, Duration::ZERO),
    );
    let outcome = run(RULE, &look_with(&hosts.here, Exact::Never), &quick());
    assert!(outcome.findings.is_empty(), "{outcome:?}");
    assert_eq!(outcome.unknown.len(), 1, "{outcome:?}");
    Ok(())
}

#[test]
fn the_kernel_does_end_it_when_the_rule_says() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    // Two probes instead of six: 3 s, not 7 s.
    let options = ["--keepalive", "1/1/6", "--user-timeout", "3000"];
    let (server, _client) = pair(&hosts, |port| hosts.at(Side::A, port), &options)?;
    let finding = found(RULE, &hosts.here, &Limits::default(), 1);
    let told = Duration::from_millis(number(&finding, "detection_ms"));
    assert_eq!(number(&finding, "detection_without_user_timeout_ms"), 7_000);
    hosts.link.cut();
    let cut = Instant::now();
    let open =
        |row: &TcpRow| row.local.port() == server.port() && row.state == TcpState::Established;
    eventually("the kernel has ended it", PATIENCE, || {
        hosts.here.tcp().is_ok_and(|rows| !rows.iter().any(open))
    });
    // The last byte came up to a period before the cut; timers round up.
    let real = cut.elapsed();
    assert!(
        real + Duration::from_secs(1) >= told,
        "told {told:?}, real {real:?}"
    );
    assert!(
        real <= told + Duration::from_secs(1),
        "told {told:?}, real {real:?}"
    );
    Ok(())
}
