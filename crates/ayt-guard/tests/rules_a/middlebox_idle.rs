//! `middlebox-idle`: slow keepalive towards peers with public addresses, which
//! here are those reserved for documentation, inside a namespace.
//!
//! Intervals between 240 and 350 s need four minutes of silence, for which no
//! limit can be lowered: these are in the rule's unit tests only.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ayt_core::doctor::{Limits, Severity};
use ayt_core::facts::HostFacts;
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::Exact;
use ayt_testbed::{Fixture, Need, Veth};

use crate::support::{
    Done, Hosts, InFlight, assert_held_by, assert_peers, assert_silent, client, connect,
    look_until, look_with, number, on_port, only, run, serve, text,
};

const RULE: &str = "middlebox-idle";

/// Idle from a moment on, not from a minute.
fn quick() -> Limits {
    Limits {
        idle_after: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// This side, the far side: across the internet, behind a carrier's NAT, and in
/// a private network.
const PUBLIC: [&str; 2] = ["203.0.113.1", "203.0.113.2"];
const PUBLIC_V6: [&str; 2] = ["2001:db8::1", "2001:db8::2"];
const CARRIER: [&str; 2] = ["100.64.0.1", "100.64.0.2"];
const PRIVATE: [&str; 2] = ["192.168.77.1", "192.168.77.2"];

fn internet() -> Result<Hosts<Veth>, Box<dyn std::error::Error>> {
    let hosts = Hosts::joined()?;
    let device = hosts.link.device();
    for (at, ns) in [&hosts.here, &hosts.far].into_iter().enumerate() {
        let add = |address: &str| format!("addr add {address} dev {device}");
        let v4 = [PUBLIC, CARRIER, PRIVATE].map(|pair| add(&format!("{}/24", pair[at])));
        let v6 = format!("{} nodad", add(&format!("{}/64", PUBLIC_V6[at])));
        ns.ip_batch(&format!("{}\n{v6}\n", v4.join("\n")))?;
    }
    Ok(hosts)
}

/// A client at the far end of each network.
fn clients(hosts: &Hosts<Veth>, port: u16, networks: &[[&str; 2]]) -> Vec<Fixture> {
    let connect = |network: &[&str; 2]| {
        let to = SocketAddr::new(ip(network[0]), port);
        client(&hosts.far, "hold", to, &[]).expect("a client")
    };
    networks.iter().map(connect).collect()
}

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

fn idle(port: u16, count: usize) -> impl Fn(&HostFacts) -> bool {
    crate::support::idle(port, count, quick().idle_after)
}

#[test]
fn two_hours_towards_public_peers_are_told_and_towards_private_ones_not() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = internet()?;
    let bind = ["--bind", "[::]:0", "--keepalive", "7200/75/9"];
    let server = Fixture::start(&hosts.here, ["serve"].iter().chain(&bind))?;
    let port = server.port();
    let networks = [PUBLIC, PUBLIC_V6, CARRIER, PRIVATE];
    let _clients = clients(&hosts, port, &networks);
    let facts = look_until(&hosts.here, "all are idle", idle(port, 4));
    let finding = only(RULE, &facts, &quick());
    assert_eq!(finding.severity, Severity::Notice);
    assert_held_by(&finding, &hosts.here, server.pid());
    let mut told: Vec<IpAddr> = finding
        .connections
        .iter()
        .map(|c| c.remote.ip().to_canonical())
        .collect();
    told.sort();
    assert_eq!(told, [CARRIER, PUBLIC, PUBLIC_V6].map(|pair| ip(pair[1])));
    assert_eq!(number(&finding, "keepalive_every_at_most_ms"), 7_200_000);
    assert!((300..20_000).contains(&number(&finding, "heard_last_at_most_ms")));
    assert!(
        text(&finding, "forgotten_by").contains("Azure"),
        "{finding:?}"
    );
    // By its true threshold of a minute none is idle.
    assert_silent(RULE, &facts, &Limits::default());
    Ok(())
}

#[test]
fn keepalive_within_the_shortest_timeout_holds_every_entry() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = internet()?;
    let server = serve(&hosts.here, "serve", &["--keepalive", "60/5/3"])?;
    let off = serve(&hosts.here, "serve", &[])?;
    let _guarded = clients(&hosts, server.port(), &[PUBLIC, CARRIER]);
    // Left to `no-keepalive`.
    let _unguarded = clients(&hosts, off.port(), &[PUBLIC]);
    let facts = look_until(&hosts.here, "all are idle", |facts| {
        idle(server.port(), 2)(facts) && idle(off.port(), 1)(facts)
    });
    assert_silent(RULE, &facts, &quick());
    Ok(())
}

#[test]
fn an_interval_longer_than_the_idle_time_counts() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = internet()?;
    // The kernel probes every max(I, V).
    let server = serve(&hosts.here, "serve", &["--keepalive", "60/400/3"])?;
    let _client = clients(&hosts, server.port(), &[PUBLIC]);
    let facts = look_until(&hosts.here, "it is idle", idle(server.port(), 1));
    let finding = only(RULE, &facts, &quick());
    assert_eq!(number(&finding, "keepalive_every_at_most_ms"), 400_000);
    Ok(())
}

#[test]
fn where_settings_cannot_be_read_the_timer_tells_or_they_are_unknown() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let hosts = internet()?;
    let server = serve(&hosts.here, "serve", &["--keepalive", "7200/75/9"])?;
    let port = server.port();
    let _client = clients(&hosts, port, &[PUBLIC]);
    look_until(&hosts.here, "it is idle", idle(port, 1));
    let facts = look_with(&hosts.here, Exact::Never);
    let finding = only(RULE, &facts, &quick());
    assert_peers(
        &finding,
        on_port(&facts, port, TcpState::Established)
            .iter()
            .map(|s| s.remote),
    );
    assert!(number(&finding, "keepalive_every_at_most_ms") > 7_000_000);
    assert_eq!(run(RULE, &facts, &quick()).unknown.len(), 1);

    let far = serve(&hosts.far, "serve", &[])?;
    let addr = SocketAddr::new(ip(PUBLIC[1]), far.port());
    let _hidden = InFlight::hide(connect(&hosts.here, addr)?)?;
    let facts = look_until(&hosts.here, "another is nobody's", |facts| {
        let mut sockets = facts.sockets.iter();
        sockets
            .any(|s| s.remote == addr && facts.owners_of(s).is_empty() && s.idle_ms() >= Some(300))
    });
    let outcome = run(RULE, &facts, &quick());
    assert_eq!(outcome.findings[0].connections.len(), 1, "{outcome:?}");
    assert_eq!(outcome.unknown[0].why, "its owner is hidden");
    Ok(())
}
