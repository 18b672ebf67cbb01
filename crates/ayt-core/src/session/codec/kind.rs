//! The types of frames, and how long each may be.

use std::fmt;

use super::bounds::{LARGEST, TEXT};
use crate::session::frame::Frame;

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `0x01`, from the client.
    Hello,
    /// `0x02`, from the server.
    Challenge,
    /// `0x03`, from the client.
    Proof,
    /// `0x04`, from the server.
    Welcome,
    /// `0x05`, from the server.
    Refuse,
    /// `0x10`.
    Data,
    /// `0x11`.
    Ack,
    /// `0x12`.
    Ping,
    /// `0x13`.
    Pong,
    /// `0x14`.
    Beat,
    /// `0x15`.
    Bye,
    /// `0x20`, from the client of a spare connection.
    Silence,
    /// `0x21`, from the server of a spare connection.
    Speak,
    /// `0x80` to `0xff`.
    Extension(u8),
}

impl Kind {
    /// The type with this number; `None` where there is none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x01 => Self::Hello,
            0x02 => Self::Challenge,
            0x03 => Self::Proof,
            0x04 => Self::Welcome,
            0x05 => Self::Refuse,
            0x10 => Self::Data,
            0x11 => Self::Ack,
            0x12 => Self::Ping,
            0x13 => Self::Pong,
            0x14 => Self::Beat,
            0x15 => Self::Bye,
            0x20 => Self::Silence,
            0x21 => Self::Speak,
            0x80..=0xff => Self::Extension(code),
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Hello => 0x01,
            Self::Challenge => 0x02,
            Self::Proof => 0x03,
            Self::Welcome => 0x04,
            Self::Refuse => 0x05,
            Self::Data => 0x10,
            Self::Ack => 0x11,
            Self::Ping => 0x12,
            Self::Pong => 0x13,
            Self::Beat => 0x14,
            Self::Bye => 0x15,
            Self::Silence => 0x20,
            Self::Speak => 0x21,
            Self::Extension(code) => code,
        }
    }

    /// May its payload have this many bytes? Of HELLO only the five bytes are asked
    /// for that tell its version: another version's may have any length.
    pub(super) const fn fits(self, length: u32) -> bool {
        let text = TEXT as u32;
        match self {
            Self::Hello => length >= 5,
            Self::Challenge => length == 17,
            Self::Proof => matches!(length, 0 | 32 | 56 | 88),
            Self::Welcome => matches!(length, 74 | 106),
            Self::Refuse => 5 <= length && length <= 5 + text,
            Self::Data => length >= 8,
            Self::Ack => length == 8,
            Self::Ping | Self::Pong | Self::Silence | Self::Speak => length == 4,
            Self::Beat => length == 0,
            Self::Bye => 13 <= length && length <= 13 + text,
            Self::Extension(_) => length <= LARGEST,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hello => "HELLO",
            Self::Challenge => "CHALLENGE",
            Self::Proof => "PROOF",
            Self::Welcome => "WELCOME",
            Self::Refuse => "REFUSE",
            Self::Data => "DATA",
            Self::Ack => "ACK",
            Self::Ping => "PING",
            Self::Pong => "PONG",
            Self::Beat => "BEAT",
            Self::Bye => "BYE",
            Self::Silence => "SILENCE",
            Self::Speak => "SPEAK",
            Self::Extension(code) => return write!(f, "extension {code:#04x}"),
        })
    }
}

impl Frame {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Challenge(_) => Kind::Challenge,
            Self::Proof(_) => Kind::Proof,
            Self::Welcome(_) => Kind::Welcome,
            Self::Refuse(_) => Kind::Refuse,
            Self::Data { .. } => Kind::Data,
            Self::Ack(_) => Kind::Ack,
            Self::Ping(_) => Kind::Ping,
            Self::Pong(_) => Kind::Pong,
            Self::Beat => Kind::Beat,
            Self::Bye(_) => Kind::Bye,
            Self::Silence(_) => Kind::Silence,
            Self::Speak(_) => Kind::Speak,
            Self::Extension { kind, .. } => Kind::Extension(*kind),
        }
    }
}
