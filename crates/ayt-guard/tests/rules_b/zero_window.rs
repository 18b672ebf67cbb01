//! A peer whose program does not read.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::doctor::{Limits, Severity};
use ayt_testbed::{Fixture, Need, Ns};

use crate::support::{Done, Look, PATIENCE, amount, connect, owners, peers, probed};

const RULE: &str = "zero-window";

/// A server that does not read, and a client that writes until it is blocked.
fn flooded(ns: &Ns, options: &[&str]) -> Result<[Fixture; 2], Box<dyn std::error::Error>> {
    let server = Fixture::start(ns, ["no-read", "--rcvbuf", "4096"])?;
    let addr = server.addr().to_string();
    let flood = ["flood", &addr, "--sndbuf", "16384"];
    let flood = Fixture::start(ns, flood.iter().chain(options))?;
    flood.wait_line("blocked", PATIENCE)?;
    Ok([server, flood])
}

#[test]
fn a_writer_that_is_blocked_by_a_reader_that_lives() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let [server, flood] = flooded(&ns, &[])?;
    let look = Look::of(&ns);
    let finding = look.one(RULE);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(peers(&finding), [server.addr()]);
    let local: SocketAddr = flood.field("local");
    assert_eq!(finding.connections[0].local, local);
    assert_eq!(owners(&finding)[0].0, flood.pid());
    assert!(amount(&finding, "queued_bytes") > 0);
    assert!(amount(&finding, "longest_ms") >= 1000);
    assert_eq!(amount(&finding, "not_answering_window_probes"), 0);

    // The peer's kernel answers: the probe does not make it a dead one.
    let facts = probed(look.facts(), Duration::from_secs(1));
    assert_eq!(look.judge(&facts, RULE).findings.len(), 1);
    // By the limits of everyday use it is too early to say so.
    let patient = Look {
        limits: Limits::default(),
        ..look
    };
    patient.silent(RULE);
    Ok(())
}

#[test]
fn a_user_timeout_will_end_it_although_the_peer_lives() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let [_server, flood] = flooded(&ns, &["--user-timeout", "12000"])?;
    // Two seconds are enough here, also by the limits of everyday use.
    let look = Look {
        limits: Limits::default(),
        ..Look::of(&ns)
    };
    let finding = look.one(RULE);
    assert_eq!(amount(&finding, "user_timeout_ms"), 12_000);
    let longest = amount(&finding, "longest_ms");
    assert!((2_000..12_000).contains(&longest), "{longest}");
    assert!(finding.summary.contains("although the peer lives"));
    assert!(finding.remedy.contains(&format!("--pid {}", flood.pid())));
    Ok(())
}

#[test]
fn a_client_that_reads_all_is_well() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let mut client = connect(&ns, server.addr());
    client.write_all(&[b'x'; 4000])?;
    Look::of(&ns).silent_soon(RULE);
    Ok(())
}
