//! How a connection ended: one cause out of what a read or a write answered,
//! what the kernel still knows of the socket, and what ayt itself decided.
//!
//! An error number alone does not tell. `ETIMEDOUT` is keepalive, retransmission
//! or the user timeout; `EPIPE` is the peer's full close or one's own; a read of 0
//! is the peer's FIN, or the second read after an error that somebody else took
//! (tcp(7); `tcp_reset`, `tcp_write_err` and `tcp_recvmsg` in `net/ipv4`). The
//! facts that decide are read right after the end, while the socket is still open:
//! Linux keeps the counts of unanswered probes and retransmissions.

mod sign;

use std::io;

use crate::cause::Cause;
use crate::facts::TcpInfo;
use crate::keepalive::Keepalive;
use crate::tcp_state::TcpState;

pub use sign::{Sign, System};

/// What is known besides the error itself. [`EndFacts::default`] knows nothing,
/// which is allowed: then the error alone is translated, and where it leaves two
/// readings the cause is the one that claims less ([`Cause::TimedOut`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndFacts {
    /// Whose error numbers they are.
    pub system: System,
    /// What ayt itself decided before the end (a missed heartbeat, a takeover).
    /// It always wins: closing is then only its consequence.
    pub decided: Option<Cause>,
    /// The cause that was already told for this connection. Later errors are its
    /// echo.
    pub earlier: Option<Cause>,
    /// The program on this side has closed the direction in which it writes.
    pub closed_here: bool,
    /// What the kernel still knows.
    pub socket: Option<SocketAtEnd>,
}

/// A socket that has just ended, as its own process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketAtEnd {
    /// Its state: CLOSE after an error, CLOSE_WAIT after the peer's FIN.
    pub state: TcpState,
    /// TCP's own account, which outlives the connection.
    pub tcp: TcpInfo,
    /// Its keepalive settings.
    pub keepalive: Keepalive,
}

impl SocketAtEnd {
    /// Which of the kernel's timers gave up, if one did: keepalive sleeps while
    /// data is in flight, and a user timeout overrules both others
    /// (`net/ipv4/tcp_timer.c`). `None`: no timer had anything to wait for.
    #[must_use]
    pub const fn gave_up(&self) -> Option<Cause> {
        let (probes, retransmits) = (self.tcp.probes, self.tcp.retransmits);
        if probes == 0 && retransmits == 0 {
            return None;
        }
        Some(if self.keepalive.user_timeout_ms > 0 {
            Cause::UserTimeout
        } else if retransmits == 0 && self.keepalive.enabled {
            Cause::KeepaliveTimeout
        } else {
            Cause::RetransmitTimeout
        })
    }
}

impl SocketAtEnd {
    /// A timer gave up though the peer had answered everything: only a user timeout
    /// does that, when the peer's window stays closed (`tcp_probe_timer`; each answer
    /// takes the count of unanswered probes back to 0).
    const fn gave_up_waiting(&self) -> Option<Cause> {
        match self.keepalive.user_timeout_ms {
            0 => None,
            _ => Some(Cause::UserTimeout),
        }
    }
}

impl Cause {
    /// The cause of an end that showed as an error of a read or a write. `None`
    /// for what ends nothing: "no data now" (`EAGAIN`) and an interrupted call.
    #[must_use]
    pub fn of(error: &io::Error, facts: &EndFacts) -> Option<Self> {
        let sign = Sign::of(error, facts.system);
        if sign == Sign::NoEnd {
            return None;
        }
        Some(facts.known().unwrap_or_else(|| facts.cause_of(sign)))
    }

    /// The cause of an end that showed as the end of the bytes: a read of 0 into
    /// a buffer that had room. (A read into an empty buffer also gives 0, and is
    /// no end.)
    #[must_use]
    pub fn of_eof(facts: &EndFacts) -> Self {
        if let Some(known) = facts.known() {
            return known;
        }
        match facts.socket {
            // No FIN was ever taken in: an error went before, to somebody else.
            Some(socket) if socket.state == TcpState::Closed && !facts.closed_here => {
                socket.gave_up().unwrap_or(Self::PeerReset)
            }
            _ => Self::PeerClosed,
        }
    }
}

impl EndFacts {
    fn known(&self) -> Option<Cause> {
        self.decided.or(self.earlier)
    }

    fn cause_of(&self, sign: Sign) -> Cause {
        match sign {
            Sign::Reset => Cause::PeerReset,
            Sign::TimedOut => self
                .socket
                .and_then(|socket| socket.gave_up().or_else(|| socket.gave_up_waiting()))
                .unwrap_or(Cause::TimedOut),
            Sign::Keepalive => Cause::KeepaliveTimeout,
            Sign::Unreachable => Cause::Unreachable,
            Sign::Aborted => Cause::Destroyed,
            // Linux answers EPIPE to a RST only where the peer's FIN was there
            // before (`tcp_reset`): the peer had closed, and the RST is its
            // kernel's answer to what was written afterwards.
            Sign::Pipe if self.closed_here => Cause::LocalClose,
            Sign::Pipe => Cause::PeerClosed,
            Sign::NotConnected => Cause::LocalClose,
            Sign::Truncated => Cause::Truncated,
            Sign::Other | Sign::NoEnd => Cause::Failed,
        }
    }
}

#[cfg(test)]
mod tests;
