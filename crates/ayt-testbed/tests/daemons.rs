//! Real servers start, answer and leave.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

use std::error::Error;
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ayt_testbed::{Fixture, Need, Ns, Redis, Sshd, TcpState, eventually};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);

fn gone(pid: u32) -> bool {
    !fs::exists(format!("/proc/{pid}/fd")).unwrap_or(true)
}

#[test]
fn redis_serves_and_leaves() -> Done {
    if !Need::root() || !Need::program("redis-server", "apt-get install redis-server") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let addr = SocketAddr::from(([127, 0, 0, 1], 6379));
    let redis = Redis::start(&ns, addr, &["--tcp-keepalive", "0"])?;
    let pid = redis.pid();
    assert!(fs::read_to_string(format!("/proc/{pid}/comm"))?.starts_with("redis-server"));
    let _hold = Fixture::start(&ns, ["hold", &redis.addr().to_string()])?;
    let served = |row: &ayt_testbed::TcpRow| {
        row.local == addr && row.state == TcpState::Established && row.inode != 0
    };
    eventually("redis accepted, without keepalive", PATIENCE, || {
        ns.tcp()
            .is_ok_and(|rows| rows.iter().filter(|row| served(row)).all(|r| r.timer == 0))
    });
    drop(redis);
    assert!(gone(pid));
    Ok(())
}

#[test]
fn sshd_greets_and_leaves_with_its_children() -> Done {
    if !Need::root() || !Need::program("sshd", "apt-get install openssh-server") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let sshd = Sshd::start(&ns, SocketAddr::from(([127, 0, 0, 1], 22)), &[])?;
    let (pid, addr) = (sshd.pid(), sshd.addr());
    let mut client = ns.run(|| TcpStream::connect(addr))?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.read_exact(&mut [0; 4])?;
    drop(sshd);
    assert!(gone(pid));
    // Its child for this connection leaves as well.
    eventually("nobody holds the connection", PATIENCE, || {
        ns.tcp()
            .is_ok_and(|rows| rows.iter().all(|row| row.local != addr || row.inode == 0))
    });
    Ok(())
}
