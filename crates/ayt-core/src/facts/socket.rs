//! One socket as `sock_diag` shows it.

use std::net::SocketAddr;

use super::NsId;
use crate::tcp_state::TcpState;

/// The kernel's cookie of a socket: unique on this host until it reboots, never
/// given twice. (An inode number or a descriptor may be.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cookie(pub u64);

/// One row of the kernel's socket tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// The network namespace it lives in.
    pub ns: NsId,
    /// Its state.
    pub state: TcpState,
    /// This side.
    pub local: SocketAddr,
    /// The peer; port 0 for a listener.
    pub remote: SocketAddr,
    /// The kernel's cookie.
    pub cookie: Cookie,
    /// Inode of the descriptor's file; 0 where no descriptor exists: in an
    /// accept queue, orphaned, or TIME_WAIT.
    pub inode: u32,
    /// Index of the interface it is bound to; 0 = none.
    pub interface: u32,
    /// The user who made it.
    pub uid: u32,
    /// Bytes received and not yet read by the program, of which the peer's FIN
    /// counts as one; for a listener, the connections waiting to be accepted.
    pub receive_queue: u32,
    /// Bytes sent and not yet acknowledged, and bytes not yet sent; for a
    /// listener, the backlog: it is full when more than this many wait.
    pub send_queue: u32,
    /// The one timer the kernel shows.
    pub timer: Timer,
    /// Which directions this side has shut down.
    pub shutdown: Option<Shutdown>,
    /// TCP's own account; none for TIME_WAIT and half-made connections.
    pub tcp: Option<TcpInfo>,
    /// Buffer memory.
    pub memory: Option<Memory>,
    /// Id (inode) of the cgroup v2 the socket was made in (Linux 5.6).
    pub cgroup: Option<u64>,
}

/// `sk_shutdown`: which directions are closed on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// Nothing more is received (the peer's FIN came, or `shutdown(SHUT_RD)`).
    pub receive: bool,
    /// Nothing more is sent (`shutdown(SHUT_WR)` or close).
    pub send: bool,
}

/// The timer `sock_diag` shows. It shows one; a retransmission hides keepalive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// Which timer runs.
    pub kind: TimerKind,
    /// Retransmissions, or unanswered probes, so far.
    pub count: u8,
    /// Milliseconds until it fires.
    pub expires_ms: u32,
}

/// Which timer runs (`idiag_timer` in `net/ipv4/inet_diag.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerKind {
    /// None.
    Off,
    /// Retransmission, tail-loss probe or reordering timer.
    Retransmit,
    /// Keepalive; also the SYN-ACK or FIN_WAIT_2 timer of the same slot.
    Keepalive,
    /// TIME_WAIT.
    TimeWait,
    /// Zero-window probes.
    WindowProbe,
    /// A timer this version does not know.
    Other(u8),
}

impl TimerKind {
    /// The word for people and machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Retransmit => "retransmit",
            Self::Keepalive => "keepalive",
            Self::TimeWait => "time_wait",
            Self::WindowProbe => "window_probe",
            Self::Other(_) => "other",
        }
    }
}

/// The part of `struct tcp_info` (`include/uapi/linux/tcp.h`) ayt uses.
/// Fields a kernel may lack are `Option`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpInfo {
    /// Consecutive unanswered retransmissions (`tcpi_retransmits`).
    pub retransmits: u8,
    /// Unanswered keepalive or zero-window probes (`tcpi_probes`).
    pub probes: u8,
    /// Exponent of the backoff (`tcpi_backoff`).
    pub backoff: u8,
    /// Retransmission timeout, µs.
    pub rto_us: u32,
    /// Smoothed round trip, µs.
    pub rtt_us: u32,
    /// Its mean deviation, µs.
    pub rttvar_us: u32,
    /// Segments in flight.
    pub unacked: u32,
    /// Segments retransmitted over the connection's life.
    pub total_retrans: u32,
    /// Milliseconds since data was last sent.
    pub last_data_sent_ms: u32,
    /// Milliseconds since data was last received.
    pub last_data_recv_ms: u32,
    /// Milliseconds since the last acknowledgement came: the last sign of life.
    pub last_ack_recv_ms: u32,
    /// Path MTU, bytes.
    pub pmtu: u32,
    /// Bytes written and not yet sent (Linux 4.6).
    pub notsent_bytes: Option<u32>,
    /// Segments received (Linux 4.2).
    pub segs_in: Option<u32>,
    /// Bytes received (Linux 4.1).
    pub bytes_received: Option<u64>,
    /// Bytes sent and acknowledged (Linux 4.1).
    pub bytes_acked: Option<u64>,
    /// The peer's receive window, bytes (Linux 5.4).
    pub snd_wnd: Option<u32>,
    /// Our own receive window, bytes, as last told to the peer (Linux 6.2).
    pub rcv_wnd: Option<u32>,
}

impl TcpInfo {
    /// Milliseconds since anything came from the peer.
    #[must_use]
    pub fn heard_ms(&self) -> u32 {
        self.last_ack_recv_ms.min(self.last_data_recv_ms)
    }

    /// Milliseconds since data went either way.
    #[must_use]
    pub fn idle_ms(&self) -> u32 {
        self.last_data_recv_ms.min(self.last_data_sent_ms)
    }
}

/// Buffer memory of a socket (`INET_DIAG_SKMEMINFO`), bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Held by received data, overhead included.
    pub receive_alloc: u32,
    /// Limit of the receive buffer.
    pub receive_limit: u32,
    /// Held by queued outgoing data, overhead included.
    pub send_queued: u32,
    /// Limit of the send buffer.
    pub send_limit: u32,
    /// Segments dropped at this socket.
    pub drops: u32,
}

impl Socket {
    /// It waits in an accept queue: an open connection that no program has ever
    /// had in hands.
    #[must_use]
    pub fn never_accepted(&self) -> bool {
        self.inode == 0 && matches!(self.state, TcpState::Established | TcpState::CloseWait)
    }

    /// It has lost its descriptor and the kernel finishes alone.
    #[must_use]
    pub fn orphaned(&self) -> bool {
        self.inode == 0
            && matches!(
                self.state,
                TcpState::FinWait1 | TcpState::FinWait2 | TcpState::Closing | TcpState::LastAck
            )
    }

    /// Milliseconds since data went either way; `None` where the kernel keeps
    /// no account, or nothing can have gone yet (it would count from its start).
    #[must_use]
    pub fn idle_ms(&self) -> Option<u64> {
        let tcp = self
            .tcp
            .as_ref()
            .filter(|_| self.state != TcpState::SynSent)?;
        Some(u64::from(tcp.idle_ms()))
    }

    /// Bytes of data that the program has not read. The kernel's queue counts
    /// the peer's FIN, the last of all, until the program has read the end.
    #[must_use]
    pub fn unread_bytes(&self) -> u32 {
        match self.state {
            TcpState::Listen => 0,
            TcpState::CloseWait | TcpState::LastAck | TcpState::Closing => {
                self.receive_queue.saturating_sub(1)
            }
            _ => self.receive_queue,
        }
    }

    /// A lower bound of how long the socket has been in its present state. The
    /// kernel exports no exact age. For CLOSE_WAIT, FIN_WAIT_2 and the like the
    /// last acknowledgement is not older than the change of state unless traffic
    /// went on; for TIME_WAIT its timer tells (60 s minus what is left).
    #[must_use]
    pub fn age_at_least_ms(&self) -> Option<u64> {
        match self.state {
            TcpState::TimeWait => Some(60_000u64.saturating_sub(u64::from(self.timer.expires_ms))),
            TcpState::Listen | TcpState::SynSent => None,
            _ => self.tcp.as_ref().map(|tcp| {
                let quiet = tcp.heard_ms();
                // A connection in an accept queue was never written to: what the
                // kernel shows as "last sent" is its birth.
                if self.never_accepted() {
                    u64::from(tcp.last_data_sent_ms.max(quiet))
                } else {
                    u64::from(quiet)
                }
            }),
        }
    }
}
