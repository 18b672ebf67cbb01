//! A program that does not read what has come.

use std::io::{Read, Write};

use ayt_core::doctor::{Limits, Severity};
use ayt_testbed::{Fixture, Need, Ns};

use crate::support::{Done, Look, PATIENCE, amount, connect, owners, text};

const RULE: &str = "reader-stuck";

#[test]
fn a_server_with_a_full_buffer() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-read", "--rcvbuf", "4096"])?;
    let addr = server.addr().to_string();
    let flood = Fixture::start(&ns, ["flood", &addr, "--sndbuf", "16384"])?;
    flood.wait_line("blocked", PATIENCE)?;
    // A full buffer needs no minute, by the limits of everyday use.
    let look = Look {
        limits: Limits::default(),
        ..Look::of(&ns)
    };
    let finding = look.one(RULE);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(owners(&finding)[0].0, server.pid());
    assert_eq!(finding.connections[0].remote, flood.field("local"));
    assert_eq!(amount(&finding, "full_buffers"), 1);
    assert!(amount(&finding, "unread_bytes") > 1_000);
    assert!(amount(&finding, "longest_ms") >= 2_000);
    Ok(())
}

#[test]
fn a_stopped_server_does_not_read_a_request() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let mut client = connect(&ns, server.addr());
    client.write_all(b"hello")?;
    client.read_exact(&mut [0; 5])?;
    let look = Look::of(&ns);
    look.silent(RULE);
    server.freeze()?;
    client.write_all(b"are you there?")?;
    let finding = look.one(RULE);
    assert_eq!(amount(&finding, "unread_bytes"), 14);
    assert_eq!(amount(&finding, "full_buffers"), 0);
    assert_eq!(owners(&finding)[0].0, server.pid());
    assert!(text(&finding, "thread").ends_with("is stopped"));
    server.thaw()?;
    client.read_exact(&mut [0; 14])?;
    look.silent(RULE);
    Ok(())
}

#[test]
fn a_single_thread_that_sits_elsewhere_is_named_with_its_call() -> Done {
    if !Need::root() || !Need::program("python3", "apt-get install python3") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let echo = Fixture::start(&ns, ["serve"])?;
    // Two connections, and it waits for an answer that nobody asked for on one
    // while the answer it asked for comes on the other.
    let program = format!(
        "import socket\n\
         a = socket.create_connection(('127.0.0.1', {0}))\n\
         b = socket.create_connection(('127.0.0.1', {0}))\n\
         b.sendall(b'hello')\n\
         a.recv(100)\n",
        echo.port()
    );
    let client = Fixture::start(&ns, ["tether", "--", "python3", "-c", &program])?;
    let finding = Look::of(&ns).one(RULE);
    assert_eq!(
        finding.severity,
        Severity::Notice,
        "a client's, and not full"
    );
    assert_eq!(owners(&finding)[0].0, client.pid());
    assert_eq!(amount(&finding, "unread_bytes"), 5);
    let thread = text(&finding, "thread");
    let call = format!("thread {} sits in recvfrom(", client.pid());
    assert!(thread.starts_with(&call), "{thread}");
    Ok(())
}
