//! The kernel's own wire, for bulk.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ayt_testbed::{Fixture, Keepalive, Need, Ns, Side, TcpState, Veth, eventually};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_pulled_cable_is_silent_and_can_be_put_back() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let veth = Veth::join(&a, &b)?;
    for server in [veth.v4(Side::A), veth.v6(Side::A)] {
        let listener = a.run(|| TcpListener::bind((server, 0)))?;
        let addr = listener.local_addr()?;
        let mut client = b.run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
        let (mut accepted, _) = listener.accept()?;
        veth.cable_pulled()?;
        client.write_all(b"late")?;
        accepted.set_read_timeout(Some(Duration::from_millis(300)))?;
        let silence = accepted.read(&mut [0; 4]).expect_err("silence");
        assert_eq!(silence.kind(), ErrorKind::WouldBlock);
        for ns in [&a, &b] {
            assert!(
                ns.ip(&format!("link show {}", veth.device()))?
                    .contains("LOWER_UP")
            );
        }
        veth.heal()?;
        accepted.set_read_timeout(Some(PATIENCE))?;
        accepted.read_exact(&mut [0; 4])?;
    }
    Ok(())
}

#[test]
fn ten_ghosts() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let veth = Veth::join(&a, &b)?;
    let bind = format!("{}:0", veth.v4(Side::A));
    let server = Fixture::start(&a, ["serve", "--bind", &bind])?;
    let mut client = Fixture::start(&b, ["hold", &server.addr().to_string(), "--number", "10"])?;
    let ghosts = || -> anyhow::Result<usize> {
        let rows = a.tcp()?.into_iter();
        Ok(rows
            .filter(|row| row.state == TcpState::Established && row.inode != 0)
            .count())
    };
    eventually("ten are accepted", PATIENCE, || {
        ghosts().is_ok_and(|count| count == 10)
    });
    veth.cable_pulled()?;
    client.kill()?;
    assert_eq!(ghosts()?, 10, "no FIN came through");
    Ok(())
}

#[test]
fn keepalive_finds_silence_on_a_pulled_cable() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let veth = Veth::join(&a, &b)?;
    let listener = a.run(|| TcpListener::bind((veth.v4(Side::A), 0)))?;
    let addr = listener.local_addr()?;
    let _client = b.run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
    let (mut accepted, _) = listener.accept()?;
    Keepalive {
        idle: 1,
        interval: 1,
        count: 2,
    }
    .apply(&accepted)?;
    veth.silence(Side::B)?;
    // Timed out, not "no route to host": neighbours are permanent.
    let end = accepted.read(&mut [0; 1]).expect_err("it ends");
    assert_eq!(end.kind(), ErrorKind::TimedOut);
    Ok(())
}
