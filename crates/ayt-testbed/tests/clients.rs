//! Each misbehaving client reaches the kernel state it promises.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

use std::error::Error;
use std::fs;
use std::time::Duration;

use ayt_testbed::{Fixture, Need, Ns, Side, TcpRow, TcpState, Wire, eventually};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);

fn rows(ns: &Ns, pick: impl Fn(&TcpRow) -> bool) -> usize {
    ns.tcp()
        .map_or(0, |rows| rows.into_iter().filter(|row| pick(row)).count())
}

fn sockets_of(pid: u32) -> usize {
    let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return 0;
    };
    let links = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    links
        .filter(|link| link.as_os_str().to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn hold_keeps_idle_connections() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let addr = server.addr();
    let hold = [
        "hold",
        &addr.to_string(),
        "--number",
        "500",
        "--keepalive",
        "60/5/3",
    ];
    let hold = Fixture::start(&ns, hold.into_iter().chain(["--source", "127.0.0.9"]))?;
    assert_eq!(hold.field::<usize>("count"), 500);
    let held =
        |row: &TcpRow| row.remote == addr && row.state == TcpState::Established && row.timer == 2;
    assert_eq!(rows(&ns, held), 500);
    assert_eq!(
        rows(&ns, |row| row.local.ip().to_string() == "127.0.0.9"),
        500
    );
    Ok(())
}

#[test]
fn half_close_stays_in_fin_wait_2() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["leak-close-wait"])?;
    let addr = server.addr();
    let _half = Fixture::start(&ns, ["half-close", &addr.to_string(), "--number", "3"])?;
    let halves = |row: &TcpRow| {
        row.remote == addr && row.state == TcpState::FinWait2 && row.inode != 0 && row.timer == 0
    };
    eventually(
        "three in FIN_WAIT_2, held, without a timer",
        PATIENCE,
        || rows(&ns, halves) == 3,
    );
    Ok(())
}

#[test]
fn time_wait_piles_up() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    // Now and then a late ACK draws a RST from the server's closed side, which
    // ends that TIME_WAIT (RFC 1337) unless the kernel is told to ignore it.
    ns.sysctl("net/ipv4/tcp_rfc1337", "1")?;
    let server = Fixture::start(&ns, ["serve"])?;
    let addr = server.addr();
    let _closer = Fixture::start(&ns, ["time-wait", &addr.to_string(), "--number", "200"])?;
    let waiting = |row: &TcpRow| row.remote == addr && row.state == TcpState::TimeWait;
    eventually("two hundred in TIME_WAIT", PATIENCE, || {
        match rows(&ns, waiting) {
            200 => Ok(()),
            other => Err(format!("{other}")),
        }
    });
    Ok(())
}

#[test]
fn fd_hog_is_near_its_limit() -> Done {
    let ns = Ns::current()?;
    let hog = Fixture::start(&ns, ["fd-hog", "--limit", "100", "--free", "3"])?;
    assert_eq!(fs::read_dir(format!("/proc/{}/fd", hog.pid()))?.count(), 97);
    let limits = fs::read_to_string(format!("/proc/{}/limits", hog.pid()))?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    assert_eq!(soft, Some("100"));
    Ok(())
}

#[test]
fn dead_held_holds_what_no_table_has() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let program = Fixture::start(&ns, ["dead-held", "--number", "7"])?;
    assert_eq!(sockets_of(program.pid()), 7);
    assert_eq!(ns.tcp()?, []);
    Ok(())
}

#[test]
fn orphans_wait_in_fin_wait_1() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&a, &b)?;
    let server = Fixture::start(&b, ["serve", "--bind", &format!("{}:0", wire.v4(Side::B))])?;
    let addr = server.addr();
    let mut orphans = Fixture::start(&a, ["orphans", &addr.to_string(), "--number", "4"])?;
    wire.cut();
    orphans.tell("go")?;
    orphans.wait_line("closed", PATIENCE)?;
    let orphaned = |row: &TcpRow| {
        row.remote == addr
            && row.state == TcpState::FinWait1
            && row.inode == 0
            && row.tx_queue > 1000
    };
    eventually("four orphans in FIN_WAIT_1", PATIENCE, || {
        rows(&a, orphaned) == 4
    });
    assert_eq!(sockets_of(orphans.pid()), 0);
    Ok(())
}
