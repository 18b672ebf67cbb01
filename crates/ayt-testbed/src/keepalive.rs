//! Keepalive settings in the project's I/V/N notation.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::str::FromStr;
use std::time::Duration;

use rustix::net::sockopt;

/// Kernel keepalive: idle and interval in seconds, and the count of probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Seconds without a byte before the first probe.
    pub idle: u32,
    /// Seconds between probes.
    pub interval: u32,
    /// Unanswered probes that end the connection.
    pub count: u32,
}

impl Keepalive {
    /// Switches keepalive on with these values.
    ///
    /// # Errors
    /// What the kernel answers, such as EINVAL for a zero.
    pub fn apply(self, socket: impl AsFd) -> io::Result<()> {
        let socket = socket.as_fd();
        sockopt::set_tcp_keepidle(socket, Duration::from_secs(self.idle.into()))?;
        sockopt::set_tcp_keepintvl(socket, Duration::from_secs(self.interval.into()))?;
        sockopt::set_tcp_keepcnt(socket, self.count)?;
        Ok(sockopt::set_socket_keepalive(socket, true)?)
    }
}

impl FromStr for Keepalive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| part.parse::<u32>().ok();
        match text
            .split('/')
            .map(number)
            .collect::<Option<Vec<_>>>()
            .as_deref()
        {
            Some(&[idle, interval, count]) => Ok(Self {
                idle,
                interval,
                count,
            }),
            _ => Err(format!("'{text}' is not I/V/N, as in 2/1/3")),
        }
    }
}

impl fmt::Display for Keepalive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.idle, self.interval, self.count)
    }
}
