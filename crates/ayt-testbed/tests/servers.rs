//! Each misbehaving server reaches the kernel state it promises.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ayt_testbed::{Fixture, Need, Ns, TcpRow, TcpState, eventually};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);

fn rows(ns: &Ns, pick: impl Fn(&TcpRow) -> bool) -> usize {
    ns.tcp()
        .map_or(0, |rows| rows.into_iter().filter(|row| pick(row)).count())
}

/// The server's half of a connection.
fn accepted(addr: SocketAddr, state: TcpState) -> impl Fn(&TcpRow) -> bool {
    move |row| row.local == addr && row.state == state && row.inode != 0
}

fn connect(ns: &Ns, addr: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = ns.run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[test]
fn serve_echoes_and_closes() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let server = Fixture::start(&ns, ["serve", "--bind", bind, "--keepalive", "50/5/3"])?;
        let mut client = connect(&ns, server.addr())?;
        client.write_all(b"hello")?;
        let mut heard = [0; 5];
        client.read_exact(&mut heard)?;
        assert_eq!(&heard, b"hello");
        let with_keepalive =
            |row: &TcpRow| accepted(server.addr(), TcpState::Established)(row) && row.timer == 2;
        eventually("keepalive was inherited", PATIENCE, || {
            rows(&ns, with_keepalive) == 1
        });
        client.shutdown(std::net::Shutdown::Write)?;
        assert_eq!(client.read(&mut heard)?, 0);
    }
    Ok(())
}

#[test]
fn reuseaddr_is_a_choice() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    for (option, can_restart) in [(None, false), (Some("--reuseaddr"), true)] {
        let mut server = Fixture::start(&ns, ["serve"].into_iter().chain(option))?;
        let addr = server.addr();
        let client = connect(&ns, addr)?;
        eventually("accepted", PATIENCE, || {
            rows(&ns, accepted(addr, TcpState::Established)) == 1
        });
        server.kill()?;
        // The client has not closed: the server's side waits in FIN_WAIT_2.
        let bind = addr.to_string();
        let again = ["serve", "--bind", &bind].into_iter().chain(option);
        assert_eq!(Fixture::start(&ns, again).is_ok(), can_restart);
        drop(client);
    }
    Ok(())
}

#[test]
fn leak_close_wait_leaks() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    for unread in [None, Some("--unread")] {
        let server = Fixture::start(&ns, ["leak-close-wait"].into_iter().chain(unread))?;
        for _ in 0..3 {
            connect(&ns, server.addr())?.write_all(b"bye")?;
        }
        let bytes = if unread.is_some() { 4 } else { 0 };
        let leaked = |row: &TcpRow| {
            // The FIN counts as one in the receive queue until it is read.
            accepted(server.addr(), TcpState::CloseWait)(row) && (row.rx_queue > 0) == (bytes > 0)
        };
        eventually("three in CLOSE_WAIT", PATIENCE, || rows(&ns, leaked) == 3);
    }
    Ok(())
}

#[test]
fn stuck_accept_sits_in_recv_while_others_wait() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["stuck-accept", "--backlog", "16"])?;
    let _clients = (0..4)
        .map(|_| connect(&ns, server.addr()))
        .collect::<Result<Vec<_>, _>>()?;
    let stuck = server.wait_line("stuck", PATIENCE)?;
    let fd: u64 = stuck["fd"].parse()?;
    let waiting = |row: &TcpRow| {
        row.local == server.addr() && row.state == TcpState::Established && row.inode == 0
    };
    eventually("three wait unaccepted", PATIENCE, || {
        rows(&ns, waiting) == 3
    });
    let listening = |row: &TcpRow| row.state == TcpState::Listen && row.rx_queue == 3;
    assert_eq!(rows(&ns, listening), 1);
    // recvfrom(fd): x86-64 45, aarch64 207.
    let call = format!(
        "{} {fd:#x} ",
        if cfg!(target_arch = "x86_64") {
            45
        } else {
            207
        }
    );
    eventually("blocked in recvfrom on that descriptor", PATIENCE, || {
        fs::read_to_string(format!("/proc/{}/syscall", server.pid()))
            .is_ok_and(|text| text.starts_with(&call))
    });
    Ok(())
}

#[test]
fn busy_accept_has_a_full_queue_yet_serves() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["busy-accept", "--backlog", "8", "--every", "30"])?;
    let addr = server.addr().to_string();
    let _crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "40"])?;
    // The kernel lets one more in than the backlog says.
    let full = |row: &TcpRow| row.state == TcpState::Listen && row.rx_queue >= 8;
    eventually("the queue is full", PATIENCE, || rows(&ns, full) == 1);
    let ports = || -> Vec<u16> {
        let waiting = ns.tcp().unwrap_or_default().into_iter();
        let waiting = waiting.filter(|row| row.local == server.addr() && row.inode == 0);
        waiting
            .filter(|row| row.state == TcpState::Established)
            .map(|r| r.remote.port())
            .collect()
    };
    let before = ports();
    eventually("none of those waits any more", PATIENCE, || {
        let now = ports();
        before.iter().all(|port| !now.contains(port))
    });
    eventually("and the queue is full again", PATIENCE, || {
        rows(&ns, full) == 1
    });
    Ok(())
}

#[test]
fn no_accept_never_accepts() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-accept"])?;
    let _clients = (0..5)
        .map(|_| connect(&ns, server.addr()))
        .collect::<Result<Vec<_>, _>>()?;
    let listening = |row: &TcpRow| row.state == TcpState::Listen && row.rx_queue == 5;
    eventually("five wait", PATIENCE, || rows(&ns, listening) == 1);
    Ok(())
}

#[test]
fn no_read_closes_the_window() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-read", "--rcvbuf", "4096"])?;
    let addr = server.addr();
    let flood = Fixture::start(&ns, ["flood", &addr.to_string(), "--sndbuf", "16384"])?;
    let blocked = flood.wait_line("blocked", PATIENCE)?;
    assert!(blocked["sent"].parse::<u64>()? > 0);
    let unread = |row: &TcpRow| accepted(addr, TcpState::Established)(row) && row.rx_queue > 0;
    assert_eq!(rows(&ns, unread), 1);
    let local: SocketAddr = flood.field("local");
    // Timer 4: the sender asks whether the window has opened.
    let persisting = |row: &TcpRow| row.local == local && row.tx_queue > 0 && row.timer == 4;
    eventually("the sender probes a zero window", PATIENCE, || {
        rows(&ns, persisting) == 1
    });
    Ok(())
}

#[test]
fn inherit_leaves_the_connection_to_a_child() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["inherit"])?;
    let client = connect(&ns, server.addr())?;
    let heir = server.wait_line("inherited", PATIENCE)?;
    let (child, fd) = (&heir["child"], &heir["fd"]);
    let socket = fs::read_link(format!("/proc/{child}/fd/{fd}"))?;
    assert!(
        socket.display().to_string().starts_with("socket:"),
        "{socket:?}"
    );
    assert!(fs::read_link(format!("/proc/{}/fd/{fd}", server.pid())).is_err());
    // No FIN although the server closed.
    client.set_nonblocking(true)?;
    assert!((&client).read(&mut [0; 1]).is_err());
    client.set_nonblocking(false)?;
    let proc_child = format!("/proc/{child}/fd");
    drop(server);
    eventually("the heir leaves too", PATIENCE, || {
        !fs::exists(&proc_child).unwrap_or(true)
    });
    assert_eq!((&client).read(&mut [0; 1])?, 0);
    Ok(())
}

#[test]
fn churn_accepts_and_closes() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["churn"])?;
    for _ in 0..50 {
        assert_eq!(connect(&ns, server.addr())?.read(&mut [0; 1])?, 0);
    }
    Ok(())
}

#[test]
fn a_fixture_on_the_host_leaves_with_its_input() -> Done {
    let host = Ns::current()?;
    let server = Fixture::start(&host, ["serve"])?;
    let (pid, addr) = (server.pid(), server.addr());
    TcpStream::connect(addr)?;
    drop(server);
    assert!(!fs::exists(format!("/proc/{pid}/fd"))?);
    assert!(TcpListener::bind(addr).is_ok());
    Ok(())
}

#[test]
fn a_frozen_server_still_has_a_living_kernel() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let mut client = connect(&ns, server.addr())?;
    server.freeze()?;
    client.write_all(b"hello")?;
    let unread = |row: &TcpRow| row.local == server.addr() && row.rx_queue == 5;
    eventually("its kernel took the data", PATIENCE, || {
        rows(&ns, unread) == 1
    });
    server.thaw()?;
    client.read_exact(&mut [0; 5])?;
    server.freeze()?;
    // Dropped while frozen: it must go all the same.
    let pid = server.pid();
    drop(server);
    assert!(!fs::exists(format!("/proc/{pid}/fd"))?);
    Ok(())
}
