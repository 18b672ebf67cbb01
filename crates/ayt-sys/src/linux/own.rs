//! This process's own sockets: what the kernel knows of them, and asking their
//! peers.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use ayt_core::end::{SocketAtEnd, System};
use ayt_core::facts::TcpInfo;
use ayt_core::keepalive::Keepalive;
use ayt_core::tcp_state::TcpState;
use rustix::io::Errno;
use rustix::net::sockopt;

use super::clocks::monotonic_now;
use super::sockopt as raw;
use crate::error::SysError;
use crate::wire::diag;

/// Whose error numbers this system has.
pub const SYSTEM: System = System::Linux;

/// An open socket of this process.
pub trait Socket: AsFd {}

impl<T: AsFd + ?Sized> Socket for T {}

/// State, account and settings of a TCP socket. They outlive the connection, as
/// long as the socket is open. `SO_ERROR` is not read: an error stays for the
/// next read or write.
///
/// # Errors
/// `ENOPROTOOPT` when it is no TCP socket.
pub fn at_end(socket: &impl Socket) -> Result<SocketAtEnd, SysError> {
    let fd = socket.as_fd();
    let (state, tcp) = tcp_info(fd)?;
    Ok(SocketAtEnd {
        state,
        tcp,
        keepalive: keepalive(fd)?,
    })
}

/// One "are you there?" to the kernel of a socket's peer, under way: a keepalive
/// probe sent now. No data goes over the connection, and the peer's program
/// notices nothing. [`Ask::restore`] puts the socket's settings back.
///
/// The option `TCP_KEEPIDLE`, if it followed the sysctl, is pinned to the same
/// value afterwards: no call takes that back.
#[derive(Debug)]
#[must_use = "settings stay changed until `restore`"]
pub struct Ask {
    before: Keepalive,
    /// When the peer was heard last before, on [`monotonic_now`]'s clock, or a
    /// little later.
    heard: Duration,
}

/// How long an ask must come after the peer was heard last. With the shortest idle
/// time, 1 s, a probe goes out at once only where nothing was heard for that long.
const QUIET_MS: u32 = 1_000;

/// What was heard so much later was heard after the ask: less than [`QUIET_MS`]
/// and more than the grain of the kernel's ages.
const LATER: Duration = Duration::from_millis(500);

impl Ask {
    /// Sends the probe, on an idle socket within a clock tick. `None`: something
    /// came from the peer within the last second, so nobody needs to ask.
    ///
    /// # Errors
    /// When the socket is no TCP socket, or an option cannot be set.
    pub fn send(socket: &impl Socket) -> Result<Option<Self>, SysError> {
        let fd = socket.as_fd();
        let SocketAtEnd { tcp, keepalive, .. } = at_end(socket)?;
        if tcp.heard_ms() <= QUIET_MS {
            return Ok(None);
        }
        // The clock after the reading, and before it in `answered`: what this
        // thread had to wait in between passes for no answer.
        let heard = monotonic_now().saturating_sub(heard_ago(&tcp));
        // In this order: the other way round a full idle time would start.
        if !keepalive.enabled {
            call(
                "setsockopt SO_KEEPALIVE",
                sockopt::set_socket_keepalive(fd, true),
            )?;
        }
        let second = Duration::from_secs(1);
        call(
            "setsockopt TCP_KEEPIDLE",
            sockopt::set_tcp_keepidle(fd, second),
        )?;
        Ok(Some(Self {
            before: keepalive,
            heard,
        }))
    }

    /// Whether the peer has answered since, if by ending the connection. By the age
    /// of what was heard last, and not by the count of segments: segments that are
    /// none of the connection's count as well, as those by which another ayt has
    /// this kernel show its numbers.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn answered(&self, socket: &impl Socket) -> Result<bool, SysError> {
        let now = monotonic_now();
        let (state, tcp) = tcp_info(socket.as_fd())?;
        let heard = now.saturating_sub(heard_ago(&tcp));
        Ok(state == TcpState::Closed || heard > self.heard + LATER)
    }

    /// Puts the settings back.
    ///
    /// # Errors
    /// When an option cannot be set.
    pub fn restore(self, socket: &impl Socket) -> Result<(), SysError> {
        let fd = socket.as_fd();
        // The kernel tells more than an option takes where the sysctl is larger.
        let seconds = self.before.idle_s.min(ayt_core::keepalive::MAX_SECONDS);
        call(
            "setsockopt TCP_KEEPIDLE",
            sockopt::set_tcp_keepidle(fd, Duration::from_secs(seconds.into())),
        )?;
        if !self.before.enabled {
            call(
                "setsockopt SO_KEEPALIVE",
                sockopt::set_socket_keepalive(fd, false),
            )?;
        }
        Ok(())
    }
}

fn heard_ago(tcp: &TcpInfo) -> Duration {
    Duration::from_millis(tcp.heard_ms().into())
}

/// The keepalive settings in effect.
pub(super) fn keepalive(fd: BorrowedFd<'_>) -> Result<Keepalive, SysError> {
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    Ok(Keepalive {
        enabled: call("getsockopt SO_KEEPALIVE", sockopt::socket_keepalive(fd))?,
        idle_s: seconds(call("getsockopt TCP_KEEPIDLE", sockopt::tcp_keepidle(fd))?),
        interval_s: seconds(call(
            "getsockopt TCP_KEEPINTVL",
            sockopt::tcp_keepintvl(fd),
        )?),
        count: call("getsockopt TCP_KEEPCNT", sockopt::tcp_keepcnt(fd))?,
        user_timeout_ms: call("getsockopt TCP_USER_TIMEOUT", sockopt::tcp_user_timeout(fd))?,
    })
}

/// TCP's own account, and the state.
pub(super) fn tcp_info(fd: BorrowedFd<'_>) -> Result<(TcpState, TcpInfo), SysError> {
    let mut buffer = [0u8; 280];
    let bytes = raw::tcp_info(fd, &mut buffer)
        .map_err(|error| SysError::call("getsockopt TCP_INFO", error))?;
    match (diag::tcp_info_state(bytes), diag::tcp_info(bytes)) {
        (Some(state), Some(info)) => Ok((state, info)),
        _ => Err(SysError::Malformed {
            operation: "getsockopt TCP_INFO",
            detail: format!("{} bytes", bytes.len()),
        }),
    }
}

fn call<T>(operation: &'static str, result: Result<T, Errno>) -> Result<T, SysError> {
    result.map_err(|error| SysError::call(operation, error))
}
