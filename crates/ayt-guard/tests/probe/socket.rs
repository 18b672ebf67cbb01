//! A socket as its owner sees it: read without any of ayt's own reading code,
//! except `TCP_INFO`, for which there is no other safe way.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

use ayt_core::facts::{Cookie, Owner, TcpInfo};
use ayt_core::tcp_state::TcpState;
use ayt_sys::Descriptors;
use ayt_testbed::{Keepalive, Need, eventually};
use rustix::net::sockopt;

/// Long enough for any machine and any retransmission after a short outage.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Every option that a probe touches, and the count that it must not raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) keepalive: bool,
    pub(crate) idle_s: u64,
    pub(crate) interval_s: u64,
    pub(crate) count: u32,
    pub(crate) user_timeout_ms: u32,
    pub(crate) reuse_address: bool,
    pub(crate) probes: u8,
}

impl Options {
    #[track_caller]
    pub(crate) fn of(socket: &TcpStream) -> Self {
        let fd = socket.as_fd();
        Self {
            keepalive: sockopt::socket_keepalive(fd).unwrap(),
            idle_s: sockopt::tcp_keepidle(fd).unwrap().as_secs(),
            interval_s: sockopt::tcp_keepintvl(fd).unwrap().as_secs(),
            count: sockopt::tcp_keepcnt(fd).unwrap(),
            user_timeout_ms: sockopt::tcp_user_timeout(fd).unwrap(),
            reuse_address: sockopt::socket_reuseaddr(fd).unwrap(),
            probes: info(socket).1.probes,
        }
    }
}

/// The owner of a socket of this process.
pub(crate) fn owner(socket: &impl AsRawFd) -> Owner {
    Owner {
        inode: 0,
        pid: std::process::id(),
        fd: socket.as_raw_fd().unsigned_abs(),
    }
}

/// State and TCP's account.
#[track_caller]
pub(crate) fn info(socket: &TcpStream) -> (TcpState, TcpInfo) {
    let hold = Descriptors::default().hold(&owner(socket)).unwrap();
    hold.tcp_info().unwrap()
}

pub(crate) fn cookie(socket: &TcpStream) -> Cookie {
    Cookie(sockopt::socket_cookie(socket).unwrap())
}

/// A byte written at one end is read at the other.
#[track_caller]
pub(crate) fn carries(from: &mut TcpStream, to: &mut TcpStream) {
    to.set_read_timeout(Some(LONG)).unwrap();
    from.write_all(b"?").expect("writing");
    let mut byte = [0];
    to.read_exact(&mut byte).expect("reading");
    assert_eq!(&byte, b"?");
}

/// Keepalive I/V/N, and U where it is not 0.
pub(crate) fn set(socket: &TcpStream, keepalive: &str, user_timeout_ms: u32) {
    let keepalive: Keepalive = keepalive.parse().expect("I/V/N");
    keepalive.apply(socket).expect("setting keepalive");
    if user_timeout_ms > 0 {
        sockopt::set_tcp_user_timeout(socket, user_timeout_ms).expect("setting TCP_USER_TIMEOUT");
    }
}

/// Waits until all data is acknowledged and nothing was heard for `ms`.
#[track_caller]
pub(crate) fn wait_quiet(socket: &TcpStream, ms: u32) {
    eventually("a quiet connection", LONG, || {
        let (_, tcp) = info(socket);
        tcp.unacked == 0 && tcp.heard_ms() >= ms
    });
}

#[track_caller]
pub(crate) fn wait_state(socket: &TcpStream, state: TcpState) {
    eventually("the connection's next state", LONG, || {
        info(socket).0 == state
    });
}

/// Bytes of the extension headers that [`wear_extensions`] gives.
pub(crate) const EXTENSIONS: usize = 16;

/// What [`wear_extensions`] needs.
pub(crate) fn needs_extensions() -> bool {
    Need::program("python3", "install python3")
}

/// Has the socket put hop-by-hop and destination options, all of them padding,
/// before its segments (RFC 8200 4.3, 4.6).
#[track_caller]
pub(crate) fn wear_extensions(socket: &TcpStream) {
    const SET: &str = "
import socket
socket = socket.socket(fileno=0)
IPPROTO_IPV6, IPV6_HOPOPTS, IPV6_DSTOPTS = 41, 54, 59
for option in IPV6_HOPOPTS, IPV6_DSTOPTS:
    socket.setsockopt(IPPROTO_IPV6, option, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
";
    let socket = OwnedFd::from(socket.try_clone().expect("a duplicate"));
    let mut python = Command::new("python3");
    let set = python.args(["-c", SET]).stdin(Stdio::from(socket)).status();
    assert!(set.expect("python3").success());
}
