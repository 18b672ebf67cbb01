//! `ghost-family`: a device that restarts again and again, and several living
//! clients behind one address.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ayt_core::doctor::{Finding, Limits, Outcome, Severity};
use ayt_core::facts::{HostFacts, Socket};
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Need, Packet, Side};

use crate::meanwhile::meanwhile;
use crate::support::{
    Done, Hosts, ask, assert_held_by, assert_peers, assert_silent, connect, look_until, number,
    on_port, only, run, serve, text,
};

const RULE: &str = "ghost-family";

/// Longer than the second a device needs at least to come back.
const RESTART_MS: u64 = 1_200;

/// Silent after half a second, not a minute.
fn quick() -> Limits {
    Limits {
        idle_after: Duration::from_millis(500),
        ..Limits::default()
    }
}

/// The device keeps talking while `work` runs.
fn while_talking<T>(mut device: &TcpStream, work: impl FnOnce() -> T) -> T {
    let step = move || device.write_all(b"beat");
    meanwhile(Duration::from_millis(10), step, work)
}

fn heard_ms(socket: &Socket) -> u64 {
    socket.tcp.map_or(0, |tcp| u64::from(tcp.heard_ms()))
}

/// Quiet times of a port's connections, the shortest first.
fn quiet(facts: &HostFacts, port: u16) -> Vec<u64> {
    let open = on_port(facts, port, TcpState::Established);
    let mut quiet: Vec<u64> = open.into_iter().map(heard_ms).collect();
    quiet.sort_unstable();
    quiet
}

/// Three connections: the newest talks, the others have long been silent.
fn one_talks(facts: &HostFacts, port: u16) -> bool {
    match quiet(facts, port)[..] {
        [newest, next, _] => next >= 500 && next >= newest * 10,
        _ => false,
    }
}

#[test]
fn a_device_that_restarts_again_and_again_leaves_ghosts() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let mut hosts = Hosts::wired()?;
    // What a device would say at its restart is lost on the radio.
    hosts
        .link
        .drop_if(|packet: &Packet| packet.is_fin() || packet.is_rst());
    // This server only reads, as one that collects measurements.
    let server = serve(&hosts.here, "leak-close-wait", &[])?;
    let (port, addr) = (server.port(), hosts.at(Side::A, server.port()));
    let mut ghosts: Vec<SocketAddr> = Vec::new();
    for restarts in 1..=2 {
        let mut device = connect(&hosts.far, addr)?;
        device.write_all(b"hello")?;
        ghosts.push(device.local_addr()?);
        look_until(&hosts.here, "the device fell silent", |facts| {
            let quiet = quiet(facts, port);
            quiet.len() == restarts && quiet[0] >= RESTART_MS
        });
        hosts.far = hosts.link.reboot(Side::B)?;
    }
    let device = connect(&hosts.far, addr)?;
    let facts = while_talking(&device, || {
        look_until(&hosts.here, "only the newest talks", |facts| {
            one_talks(facts, port)
        })
    });
    let about_ghosts = |finding: &Finding| {
        assert_peers(finding, ghosts.iter().copied());
        assert_held_by(finding, &hosts.here, server.pid());
        assert_eq!(number(finding, "connections_of_the_peer"), 3);
        assert!(number(finding, "newest_heard_last_ms") < RESTART_MS / 2);
        let who = format!("--local :{port} --peer {}", addr_of(&ghosts));
        assert!(finding.remedy.contains(&who), "{}", finding.remedy);
    };
    let finding = only(RULE, &facts, &quick());
    assert_eq!(finding.severity, Severity::Warning);
    about_ghosts(&finding);
    // The server never wrote: the ages are exact.
    assert_eq!(text(&finding, "order_of_opening"), "proved");
    assert_eq!(number(&finding, "known_dead"), 0);
    // By its true threshold of a minute it is too early.
    assert_silent(RULE, &facts, &Limits::default());

    let facts = ask(facts, Some(Duration::from_millis(1500)));
    let finding = only(RULE, &facts, &quick());
    assert_eq!(finding.severity, Severity::Critical);
    about_ghosts(&finding);
    assert_eq!(number(&finding, "known_dead"), 2);
    Ok(())
}

fn addr_of(peers: &[SocketAddr]) -> String {
    peers[0].ip().to_string()
}

#[test]
fn several_living_clients_behind_one_address_are_no_family() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.here, "leak-close-wait", &[])?;
    let (port, addr) = (server.port(), hosts.at(Side::A, server.port()));
    // All open before the first falls silent.
    let clients = [(); 3].map(|()| connect(&hosts.far, addr));
    let [first, second, third] = clients;
    let (_first, mut second, third) = (first?, second?, third?);
    look_until(&hosts.here, "the first is silent", |facts| {
        quiet(facts, port).len() == 3 && quiet(facts, port)[2] >= RESTART_MS
    });
    second.write_all(b"hello")?;
    let facts = while_talking(&third, || {
        look_until(&hosts.here, "only the third talks", |facts| {
            let quiet = quiet(facts, port);
            one_talks(facts, port) && quiet[1] >= RESTART_MS && quiet[2] >= quiet[1] + 1_000
        })
    });
    assert_silent(RULE, &facts, &quick());
    Ok(())
}

#[test]
fn a_pool_whose_members_rest_one_after_the_other_is_cleared_by_asking() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.here, "serve", &[])?;
    let (port, addr) = (server.port(), hosts.at(Side::A, server.port()));
    let mut pool = Vec::new();
    for opened in 1..=2 {
        pool.push(connect(&hosts.far, addr)?);
        look_until(&hosts.here, "it rests", |facts| {
            let quiet = quiet(facts, port);
            quiet.len() == opened && quiet[0] >= RESTART_MS
        });
    }
    let newest = connect(&hosts.far, addr)?;
    let facts = while_talking(&newest, || {
        look_until(&hosts.here, "only the newest talks", |facts| {
            one_talks(facts, port)
        })
    });
    // The false accusation that the rule's page admits.
    assert_eq!(only(RULE, &facts, &quick()).severity, Severity::Warning);
    assert_silent(RULE, &ask(facts, Some(Duration::from_secs(2))), &quick());
    Ok(())
}

#[test]
fn a_keepalive_that_decides_soon_is_left_to_it() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let mut hosts = Hosts::wired()?;
    hosts
        .link
        .drop_if(|packet: &Packet| packet.is_fin() || packet.is_rst());
    let server = serve(&hosts.here, "serve", &["--keepalive", "60/5/3"])?;
    let (port, addr) = (server.port(), hosts.at(Side::A, server.port()));
    for restarts in 1..=2 {
        let _device = connect(&hosts.far, addr)?;
        look_until(&hosts.here, "the device fell silent", |facts| {
            let quiet = quiet(facts, port);
            quiet.len() == restarts && quiet[0] >= RESTART_MS
        });
        hosts.far = hosts.link.reboot(Side::B)?;
    }
    let device = connect(&hosts.far, addr)?;
    let facts = while_talking(&device, || {
        look_until(&hosts.here, "only the newest talks", |facts| {
            one_talks(facts, port)
        })
    });
    assert_eq!(run(RULE, &facts, &quick()), Outcome::default());
    // With a budget that 75 s exceeds, they are ghosts as any others.
    let strict = Limits {
        keepalive_budget: Duration::from_secs(30),
        ..quick()
    };
    assert_eq!(number(&only(RULE, &facts, &strict), "count"), 2);
    Ok(())
}
