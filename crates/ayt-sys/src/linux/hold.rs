//! A duplicate of somebody else's socket: look, set, let go.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use ayt_core::facts::{Cookie, TcpInfo};
use ayt_core::keepalive::Keepalive;
use ayt_core::tcp_state::TcpState;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, ipproto, sockopt};

use super::{own, sockopt as raw};
use crate::error::SysError;

/// A held duplicate. `SO_ERROR` is never read through it: that would take the
/// error from the owner.
#[derive(Debug)]
pub struct Hold {
    fd: OwnedFd,
}

fn call<T>(operation: &'static str, result: Result<T, Errno>) -> Result<T, SysError> {
    result.map_err(|error| SysError::call(operation, error))
}

impl Hold {
    pub(super) const fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// The socket's cookie: what tells it from a later one of the same number.
    ///
    /// # Errors
    /// `ENOTSOCK` when the descriptor is no socket any more.
    pub fn cookie(&self) -> Result<Cookie, SysError> {
        call("getsockopt SO_COOKIE", sockopt::socket_cookie(&self.fd)).map(Cookie)
    }

    /// It is a plain TCP socket (not Multipath TCP, not another protocol).
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.protocol() == Some(ipproto::TCP)
    }

    /// It is a Multipath TCP socket.
    #[must_use]
    pub fn is_multipath_tcp(&self) -> bool {
        self.protocol() == Some(ipproto::MPTCP)
    }

    /// The protocol of an Internet socket; `None` for whatever else it is.
    fn protocol(&self) -> Option<Protocol> {
        let family = sockopt::socket_domain(&self.fd).ok()?;
        matches!(family, AddressFamily::INET | AddressFamily::INET6).then_some(())?;
        sockopt::socket_protocol(&self.fd).ok()?
    }

    /// The keepalive settings in effect.
    ///
    /// # Errors
    /// When an option cannot be read (`ENOPROTOOPT` on other protocols).
    pub fn keepalive(&self) -> Result<Keepalive, SysError> {
        own::keepalive(self.fd.as_fd())
    }

    /// TCP's own account, and the state, of this very socket.
    ///
    /// # Errors
    /// When the socket is no TCP socket.
    pub fn tcp_info(&self) -> Result<(TcpState, TcpInfo), SysError> {
        own::tcp_info(self.fd.as_fd())
    }

    /// This side's address, where the kernel still knows it.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        SocketAddr::try_from(rustix::net::getsockname(&self.fd).ok()?).ok()
    }

    /// An error waits that the owner has not taken; it is left there.
    #[must_use]
    pub fn error_waiting(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        matches!(poll(&mut fds, Some(&now)), Ok(1..)) && fds[0].revents().contains(PollFlags::ERR)
    }

    /// `SO_REUSEADDR`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reuse_address(&self) -> Result<bool, SysError> {
        call(
            "getsockopt SO_REUSEADDR",
            sockopt::socket_reuseaddr(&self.fd),
        )
    }

    /// Sets `SO_REUSEADDR`.
    ///
    /// # Errors
    /// When it cannot be set.
    pub fn set_reuse_address(&self, on: bool) -> Result<(), SysError> {
        call(
            "setsockopt SO_REUSEADDR",
            sockopt::set_socket_reuseaddr(&self.fd, on),
        )
    }

    /// The socket is in repair mode: somebody is checkpointing it.
    ///
    /// # Errors
    /// `ENOPROTOOPT` on Multipath TCP.
    pub fn in_repair(&self) -> Result<bool, SysError> {
        raw::repair(self.fd.as_fd())
            .map(|mode| mode != 0)
            .map_err(|error| SysError::call("getsockopt TCP_REPAIR", error))
    }

    /// Sends one probe (`snd_una − 1`) now: `TCP_REPAIR` off without ever on.
    /// Clears `SO_REUSEADDR`, which the caller puts back.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_ADMIN over the socket's namespace.
    pub fn repair_off(&self) -> Result<(), SysError> {
        raw::set_repair_off(self.fd.as_fd())
            .map_err(|error| SysError::call("setsockopt TCP_REPAIR off", error))
    }

    /// Sets `SO_KEEPALIVE`.
    ///
    /// # Errors
    /// When it cannot be set.
    pub fn set_keepalive(&self, on: bool) -> Result<(), SysError> {
        call(
            "setsockopt SO_KEEPALIVE",
            sockopt::set_socket_keepalive(&self.fd, on),
        )
    }

    /// Sets `TCP_KEEPIDLE`, seconds.
    ///
    /// # Errors
    /// `EINVAL` outside 1..=32767.
    pub fn set_idle(&self, seconds: u32) -> Result<(), SysError> {
        let idle = Duration::from_secs(u64::from(seconds));
        call(
            "setsockopt TCP_KEEPIDLE",
            sockopt::set_tcp_keepidle(&self.fd, idle),
        )
    }

    /// Sets `TCP_KEEPINTVL`, seconds.
    ///
    /// # Errors
    /// `EINVAL` outside 1..=32767.
    pub fn set_interval(&self, seconds: u32) -> Result<(), SysError> {
        let interval = Duration::from_secs(u64::from(seconds));
        call(
            "setsockopt TCP_KEEPINTVL",
            sockopt::set_tcp_keepintvl(&self.fd, interval),
        )
    }

    /// Sets `TCP_KEEPCNT`.
    ///
    /// # Errors
    /// `EINVAL` outside 1..=127.
    pub fn set_count(&self, count: u32) -> Result<(), SysError> {
        call(
            "setsockopt TCP_KEEPCNT",
            sockopt::set_tcp_keepcnt(&self.fd, count),
        )
    }

    /// Sets `TCP_USER_TIMEOUT`, milliseconds; 0 = none.
    ///
    /// # Errors
    /// `EINVAL` above `i32::MAX`.
    pub fn set_user_timeout(&self, ms: u32) -> Result<(), SysError> {
        call(
            "setsockopt TCP_USER_TIMEOUT",
            sockopt::set_tcp_user_timeout(&self.fd, ms),
        )
    }
}
