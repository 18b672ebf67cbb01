//! Why a connection ended, or is known to be dead: one closed list, used by
//! every part of ayt.

use std::fmt;

/// The cause of a connection's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The peer sent FIN.
    PeerClosed,
    /// The peer's kernel sent RST: it rebooted, forgot the connection, or its
    /// program closed with data unread.
    PeerReset,
    /// Kernel keepalive gave up.
    KeepaliveTimeout,
    /// Retransmission gave up (`tcp_retries2`), or zero-window probes did.
    RetransmitTimeout,
    /// `TCP_USER_TIMEOUT` ended it.
    UserTimeout,
    /// The kernel gave up, and nothing tells which of its timers did: on systems
    /// whose kernel shows no account of a socket that has ended.
    TimedOut,
    /// A router said the peer cannot be reached, and the peer stayed silent.
    Unreachable,
    /// Asked at least three times over the whole patience, and silent.
    Unanswered,
    /// An application heartbeat stayed out.
    HeartbeatMissed,
    /// The peer sent what the session protocol does not allow.
    ProtocolError,
    /// It never said who it is.
    NeverRegistered,
    /// Refused at the door: a bound of this side on connections was reached.
    Refused,
    /// A newer connection of the same identity took over.
    Superseded,
    /// Destroyed from outside (`SOCK_DESTROY`, `ss -K`, `ayt reap`).
    Destroyed,
    /// This side's program closed it.
    LocalClose,
    /// The bytes ended without the end that their protocol demands: TLS without
    /// `close_notify` (RFC 8446 6.1). What came may be cut short, by a fault or on
    /// purpose.
    Truncated,
    /// An error of another kind, of a layer above TCP (a bad TLS record) or of a
    /// stream that is no socket.
    Failed,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 17] = [
        Self::PeerClosed,
        Self::PeerReset,
        Self::KeepaliveTimeout,
        Self::RetransmitTimeout,
        Self::UserTimeout,
        Self::TimedOut,
        Self::Unreachable,
        Self::Unanswered,
        Self::HeartbeatMissed,
        Self::ProtocolError,
        Self::NeverRegistered,
        Self::Refused,
        Self::Superseded,
        Self::Destroyed,
        Self::LocalClose,
        Self::Truncated,
        Self::Failed,
    ];

    /// The word for machines, as in JSON and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer_closed",
            Self::PeerReset => "peer_reset",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::RetransmitTimeout => "retransmit_timeout",
            Self::UserTimeout => "user_timeout",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Unanswered => "unanswered",
            Self::HeartbeatMissed => "heartbeat_missed",
            Self::ProtocolError => "protocol_error",
            Self::NeverRegistered => "never_registered",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::Destroyed => "destroyed",
            Self::LocalClose => "local_close",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
        }
    }

    /// The cause for people, as the end of the sentence "it is dead: …".
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::PeerClosed => "the peer closed it",
            Self::PeerReset => "the peer does not know this connection (RST)",
            Self::KeepaliveTimeout => "keepalive went unanswered",
            Self::RetransmitTimeout => "data went unacknowledged until the kernel gave up",
            Self::UserTimeout => "its user timeout ran out",
            Self::TimedOut => "the kernel gave up waiting for the peer",
            Self::Unreachable => "the network says the peer cannot be reached",
            Self::Unanswered => "the peer is silent (half-open)",
            Self::HeartbeatMissed => "the heartbeat stayed out",
            Self::ProtocolError => "the peer broke the protocol",
            Self::NeverRegistered => "it never registered",
            Self::Refused => "this side has too many connections",
            Self::Superseded => "a newer connection took over",
            Self::Destroyed => "it was destroyed from outside",
            Self::LocalClose => "this side closed it",
            Self::Truncated => "it ended without the end its protocol demands",
            Self::Failed => "it failed with another error",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
