//! What an error of a read or a write says, before any facts are asked.

use std::io::{self, ErrorKind};

/// The families of systems whose error numbers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum System {
    /// Linux and Android (`include/uapi/asm-generic/errno.h`).
    Linux,
    /// macOS, iOS and the BSDs (`sys/errno.h`).
    Bsd,
    /// Windows: Winsock's numbers, and the system's own where a completion port
    /// delivers them (`winerror.h`).
    Windows,
    /// Another, or not said: only what the standard library recognises counts.
    #[default]
    Other,
}

/// What an error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// A RST came.
    Reset,
    /// One of the kernel's timers gave up.
    TimedOut,
    /// The keepalive timer gave up, and the system says so (Windows).
    Keepalive,
    /// The network said that the peer cannot be reached.
    Unreachable,
    /// The connection was ended from outside, on this host.
    Aborted,
    /// Written to what does not take bytes any more.
    Pipe,
    /// There is no connection.
    NotConnected,
    /// The bytes ended where their protocol wants more.
    Truncated,
    /// Not an end: no data now, or the call was interrupted.
    NoEnd,
    /// Anything else.
    Other,
}

impl Sign {
    /// Reads an error: its number where it has one that this system's table
    /// knows, else its kind.
    #[must_use]
    pub fn of(error: &io::Error, system: System) -> Self {
        error
            .raw_os_error()
            .and_then(|code| Self::of_code(code, system))
            .unwrap_or_else(|| Self::of_kind(error.kind()))
    }

    /// Reads an error number of a system. `None` where it stands for no end that
    /// is known here.
    #[must_use]
    pub const fn of_code(code: i32, system: System) -> Option<Self> {
        match system {
            System::Linux => linux(code),
            System::Bsd => bsd(code),
            System::Windows => windows(code),
            System::Other => None,
        }
    }

    /// Reads the kind alone.
    #[must_use]
    pub const fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionReset => Self::Reset,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::ConnectionRefused => Self::Unreachable,
            ErrorKind::ConnectionAborted => Self::Aborted,
            ErrorKind::BrokenPipe => Self::Pipe,
            ErrorKind::NotConnected => Self::NotConnected,
            ErrorKind::UnexpectedEof => Self::Truncated,
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Self::NoEnd,
            _ => Self::Other,
        }
    }
}

const fn linux(code: i32) -> Option<Sign> {
    Some(match code {
        32 => Sign::Pipe,                // EPIPE
        104 => Sign::Reset,              // ECONNRESET
        110 => Sign::TimedOut,           // ETIMEDOUT
        103 => Sign::Aborted,            // ECONNABORTED: SOCK_DESTROY
        107 | 108 => Sign::NotConnected, // ENOTCONN, ESHUTDOWN
        // What an ICMP error becomes (`icmp_err_convert` in `net/ipv4/icmp.c`):
        // ENONET, ENOPROTOOPT, ENETDOWN, ENETUNREACH, ECONNREFUSED, EHOSTDOWN,
        // EHOSTUNREACH.
        64 | 92 | 100 | 101 | 111 | 112 | 113 => Sign::Unreachable,
        4 | 11 => Sign::NoEnd, // EINTR, EAGAIN
        _ => return None,
    })
}

const fn bsd(code: i32) -> Option<Sign> {
    Some(match code {
        32 => Sign::Pipe,              // EPIPE
        54 => Sign::Reset,             // ECONNRESET
        60 => Sign::TimedOut,          // ETIMEDOUT
        53 => Sign::Aborted,           // ECONNABORTED: tcpdrop(8)
        57 | 58 => Sign::NotConnected, // ENOTCONN, ESHUTDOWN
        // ENETDOWN, ENETUNREACH, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH
        50 | 51 | 61 | 64 | 65 => Sign::Unreachable,
        4 | 35 => Sign::NoEnd, // EINTR, EAGAIN
        _ => return None,
    })
}

const fn windows(code: i32) -> Option<Sign> {
    Some(match code {
        // WSAECONNRESET, ERROR_NETNAME_DELETED
        10054 | 64 => Sign::Reset,
        // WSAETIMEDOUT, ERROR_SEM_TIMEOUT; and WSAECONNABORTED, ERROR_CONNECTION_
        // ABORTED, with which Windows also says that retransmission gave up.
        10060 | 121 | 10053 | 1236 => Sign::TimedOut,
        // WSAENETRESET: "keep-alive activity detected a failure".
        10052 => Sign::Keepalive,
        // WSAENETDOWN, WSAENETUNREACH, WSAECONNREFUSED, WSAEHOSTDOWN,
        // WSAEHOSTUNREACH, ERROR_NETWORK_/HOST_/PROTOCOL_/PORT_UNREACHABLE
        10050 | 10051 | 10061 | 10064 | 10065 | 1231..=1234 => Sign::Unreachable,
        // WSAESHUTDOWN, ERROR_BROKEN_PIPE, ERROR_NO_DATA
        10058 | 109 | 232 => Sign::Pipe,
        10057 => Sign::NotConnected,  // WSAENOTCONN
        10004 | 10035 => Sign::NoEnd, // WSAEINTR, WSAEWOULDBLOCK
        _ => return None,
    })
}
