//! The states of a TCP connection, named as in RFC 9293 3.3.2.

use std::fmt;
use std::str::FromStr;

/// A TCP state. [`fmt::Display`] writes the RFC's name with underscores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum TcpState {
    /// Data flows both ways.
    Established = 1,
    /// A SYN was sent and not yet answered.
    SynSent = 2,
    /// A SYN came in and was answered; the third segment is awaited.
    SynReceived = 3,
    /// This side closed first; its FIN is not yet acknowledged.
    FinWait1 = 4,
    /// This side closed first and was acknowledged; the peer may still send.
    FinWait2 = 5,
    /// The closing side waits so that old segments die out (60 s on Linux).
    TimeWait = 6,
    /// No connection: seen only on a descriptor whose connection has ended.
    Closed = 7,
    /// The peer closed; this side's program has not.
    CloseWait = 8,
    /// The peer closed first, then this side; its FIN is not yet acknowledged.
    LastAck = 9,
    /// Waiting for connections.
    Listen = 10,
    /// Both sides closed at once.
    Closing = 11,
}

impl TcpState {
    /// Every state, in the order people read them.
    pub const ALL: [Self; 11] = [
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
        Self::Closed,
    ];

    /// The state of the kernel's number (`include/net/tcp_states.h`). The
    /// kernel's `NEW_SYN_RECV` (12) is the RFC's SYN_RECEIVED; its
    /// `BOUND_INACTIVE` (13) is no state of a connection and gives `None`.
    #[must_use]
    pub const fn from_kernel(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }

    /// The RFC's name, with underscores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN_SENT",
            Self::SynReceived => "SYN_RECEIVED",
            Self::FinWait1 => "FIN_WAIT_1",
            Self::FinWait2 => "FIN_WAIT_2",
            Self::TimeWait => "TIME_WAIT",
            Self::Closed => "CLOSED",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
        }
    }

    /// The peer of a connection in this state can be asked whether it is there.
    #[must_use]
    pub const fn can_be_asked(self) -> bool {
        matches!(self, Self::Established | Self::CloseWait)
    }

    /// A connection in this state has a peer whose kernel should still know it:
    /// a segment can ask it, whoever holds the connection on this side. Not
    /// TIME_WAIT, whose peer may rightly have forgotten.
    #[must_use]
    pub const fn has_peer(self) -> bool {
        matches!(
            self,
            Self::Established
                | Self::CloseWait
                | Self::FinWait1
                | Self::FinWait2
                | Self::Closing
                | Self::LastAck
        )
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no TCP state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no TCP state is called `{0}`; the states are LISTEN, SYN_SENT, SYN_RECEIVED, ESTABLISHED, \
     FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT, CLOSED"
)]
pub struct UnknownState(pub String);

impl FromStr for TcpState {
    type Err = UnknownState;

    /// Accepts the RFC's names in any case, with `_`, `-` or nothing between
    /// words, and the short forms `ss` prints (ESTAB, SYN-RECV).
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let folded: String = text
            .chars()
            .filter(|c| !matches!(c, '_' | '-' | ' '))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let by_name = Self::ALL
            .into_iter()
            .find(|state| state.name().replace('_', "") == folded);
        by_name
            .or(match folded.as_str() {
                "ESTAB" => Some(Self::Established),
                "SYNRECV" => Some(Self::SynReceived),
                "UNCONN" | "CLOSE" => Some(Self::Closed),
                "LISTENING" => Some(Self::Listen),
                _ => None,
            })
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_in_every_spelling() {
        for state in TcpState::ALL {
            for spelling in [
                state.name().to_owned(),
                state.name().to_lowercase(),
                state.name().replace('_', "-"),
                state.name().replace('_', ""),
            ] {
                assert_eq!(spelling.parse(), Ok(state), "{spelling}");
            }
        }
    }

    #[test]
    fn every_kernel_number_is_a_state_or_none() {
        for number in 0..=u8::MAX {
            if let Some(state) = TcpState::from_kernel(number) {
                assert!(number == state as u8 || number == 12, "{number}");
            }
        }
        assert_eq!(TcpState::from_kernel(0), None);
        assert_eq!(TcpState::from_kernel(13), None);
    }
}
