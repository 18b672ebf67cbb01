//! `time-wait-pressure`: a hundred local ports, and how many of them one
//! endpoint has used up.

use std::error::Error;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use ayt_core::doctor::{Limits, Severity};
use ayt_core::facts::HostFacts;
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Fixture, Need, Ns, Side, Veth, eventually};

use crate::meanwhile::meanwhile;
use crate::support::{
    Done, Hosts, PATIENCE, assert_silent, client, connect, look, look_until, number, only, run,
    serve, text, without_sysctls,
};

const RULE: &str = "time-wait-pressure";

fn limits() -> Limits {
    Limits::default()
}

/// A host with a hundred local ports, one server behind a link, and so many
/// connections that this host closed.
struct Closed {
    hosts: Hosts<Veth>,
    addr: SocketAddr,
    _server: Fixture,
    _closer: Fixture,
}

fn closed(number: usize) -> Result<Closed, Box<dyn Error>> {
    let hosts = Hosts::joined()?;
    let range = "net/ipv4/ip_local_port_range";
    hosts.here.sysctl(range, "40000 40099")?;
    // Else a late acknowledgement now and then draws a RST, which ends one
    // TIME_WAIT early (RFC 1337), and the count is never full.
    hosts.here.sysctl("net/ipv4/tcp_rfc1337", "1")?;
    let server = serve(&hosts.far, "serve", &[])?;
    let addr = hosts.at(Side::B, server.port());
    let options = ["--number", &number.to_string()];
    let closer = client(&hosts.here, "time-wait", addr, &options)?;
    look_until(&hosts.here, "all wait", |facts| waiting(facts) == number);
    Ok(Closed {
        hosts,
        addr,
        _server: server,
        _closer: closer,
    })
}

fn waiting(facts: &HostFacts) -> usize {
    let sockets = facts.sockets.iter();
    sockets
        .filter(|socket| socket.state == TcpState::TimeWait)
        .count()
}

/// Opens a connection and closes it first.
fn open_and_close(ns: &Ns, addr: SocketAddr) -> io::Result<()> {
    let mut stream = connect(ns, addr)?;
    stream.shutdown(Shutdown::Write)?;
    stream.read(&mut [0; 1]).map(drop)
}

#[test]
fn eighty_five_of_a_hundred_ports_are_pressure() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let Closed { hosts, addr, .. } = &closed(85)?;
    let finding = only(RULE, &look(&hosts.here), &limits());
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(number(&finding, "ports"), 100);
    assert_eq!(number(&finding, "ports_used"), 85);
    assert_eq!(number(&finding, "time_wait"), 85);
    assert_eq!(finding.connections.len(), 85);
    assert!(
        finding.connections.iter().all(|c| c.remote == *addr),
        "{finding:?}"
    );
    // TIME_WAIT belongs to nobody any more.
    assert_eq!(finding.owners, []);
    assert!(finding.summary.contains(&addr.to_string()), "{finding:?}");
    assert!(finding.remedy.contains("tcp_tw_reuse=1"), "{finding:?}");
    Ok(())
}

#[test]
fn few_are_none_and_neither_are_many_towards_many() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let Closed { hosts, .. } = &closed(45)?;
    // The same ports again, towards another endpoint.
    let other = serve(&hosts.far, "serve", &[])?;
    let addr = hosts.at(Side::B, other.port());
    let _closer = client(&hosts.here, "time-wait", addr, &["--number", "45"])?;
    let facts = look_until(&hosts.here, "ninety wait", |facts| waiting(facts) == 90);
    assert_silent(RULE, &facts, &limits());
    Ok(())
}

#[test]
fn reserved_ports_do_not_count_as_free() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let Closed { hosts, .. } = &closed(45)?;
    assert_silent(RULE, &look(&hosts.here), &limits());
    hosts.here.sysctl(
        "net/ipv4/ip_local_reserved_ports",
        "39000-39999,40050-40099",
    )?;
    let finding = only(RULE, &look(&hosts.here), &limits());
    assert_eq!(number(&finding, "ports"), 50);
    Ok(())
}

#[test]
fn when_all_are_gone_connect_does_fail() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let Closed { hosts, addr, .. } = &closed(100)?;
    let finding = only(RULE, &look(&hosts.here), &limits());
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(number(&finding, "exhausted_in_ms"), 0);
    assert!(finding.summary.contains("about to fail"), "{finding:?}");
    let failed = connect(&hosts.here, *addr).expect_err("no port is left");
    assert_eq!(failed.kind(), ErrorKind::AddrNotAvailable);
    // What the remedy says helps: after a second the ports are given again.
    hosts.here.sysctl("net/ipv4/tcp_tw_reuse", "1")?;
    eventually("connect works again", PATIENCE, || {
        connect(&hosts.here, *addr)
    });
    let facts = look_until(&hosts.here, "all are older", |facts| {
        let sockets = facts.sockets.iter();
        let mut waiting = sockets.filter(|s| s.state == TcpState::TimeWait);
        waiting.all(|socket| socket.age_at_least_ms() > Some(1_100))
    });
    assert_silent(RULE, &facts, &limits());
    Ok(())
}

#[test]
fn on_loopback_the_ports_are_given_again_after_a_second() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    ns.sysctl("net/ipv4/ip_local_port_range", "40000 40099")?;
    assert_eq!(ns.read_sysctl("net/ipv4/tcp_tw_reuse")?, "2");
    // No late ACK's RST ends one early.
    ns.sysctl("net/ipv4/tcp_rfc1337", "1")?;
    let server = Fixture::start(&ns, ["serve", "--bind", "127.0.0.1:9000"])?;
    let _closer = client(&ns, "time-wait", server.addr(), &["--number", "95"])?;
    let facts = look_until(&ns, "all are older than a second", |facts| {
        let sockets = facts.sockets.iter();
        let waiting = sockets.filter(|s| s.state == TcpState::TimeWait);
        let ages: Vec<_> = waiting.map(|s| s.age_at_least_ms()).collect();
        // A machine that takes a second to close them all gives some a port again.
        ages.len() >= 90 && ages.iter().all(|age| *age > Some(1_100))
    });
    assert_silent(RULE, &facts, &limits());
    // And so it is.
    for _ in 0..20 {
        open_and_close(&ns, server.addr())?;
    }
    Ok(())
}

#[test]
fn a_steady_rate_is_carried_on_to_when_the_last_port_goes() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let Closed { hosts, addr, .. } = &closed(1)?;
    // Three a second: twice as many as there are ports after a minute.
    let start = Instant::now();
    let step = || open_and_close(&hosts.here, *addr);
    let facts = meanwhile(Duration::from_millis(333), step, || {
        look_until(&hosts.here, "a forecast", |facts| {
            !run(RULE, facts, &limits()).findings.is_empty()
        })
    });
    // Not from a burst: the rate was held for more than five seconds.
    assert!(start.elapsed() > Duration::from_secs(5));
    let finding = only(RULE, &facts, &limits());
    assert!(number(&finding, "ports_used") < 80, "{finding:?}");
    let steady = number(&finding, "ports_used_in_steady_state");
    assert!(steady >= 80, "{finding:?}");
    let rate: f64 = text(&finding, "closed_per_second").parse()?;
    assert!((1.0..4.0).contains(&rate), "{rate}");
    Ok(())
}

#[test]
fn without_the_port_range_it_is_unknown() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let Closed { hosts, .. } = &closed(85)?;
    let outcome = run(RULE, &without_sysctls(|| look(&hosts.here)), &limits());
    assert_eq!(outcome.findings, []);
    let [unknown] = outcome.unknown.as_slice() else {
        panic!("{outcome:?}");
    };
    assert!(unknown.what.contains("85 TIME_WAIT sockets"), "{unknown}");
    assert!(unknown.remedy.contains("/proc/sys"), "{unknown}");
    Ok(())
}
