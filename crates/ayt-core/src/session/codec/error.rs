//! What can be wrong with the bytes of a frame.

use super::Kind;
use crate::session::frame::Reason;

/// The first byte of a TLS connection (RFC 8446, 5.1: a record with a handshake).
const TLS_HANDSHAKE: u8 = 0x16;

/// Bytes that are no frame of `ayt/1`, or values that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A type that is neither one of ours nor an extension.
    #[error(
        "there is no frame type {kind:#04x}; is the other side speaking {what}?",
        kind = .0,
        what = if *.0 == TLS_HANDSHAKE { "TLS, and this one not" } else { "ayt/1" }
    )]
    UnknownType(u8),
    /// More than is taken at this time.
    #[error("{kind} with a payload of {length} bytes, where {limit} are taken at most")]
    TooLarge {
        /// Its type.
        kind: Kind,
        /// Bytes of payload that it announces.
        length: u32,
        /// The most there may be.
        limit: u32,
    },
    /// A length that its type, or a length within it, does not allow.
    #[error("{kind} with a payload of {length} bytes, which is no length of it")]
    Length {
        /// Its type.
        kind: Kind,
        /// Bytes of payload.
        length: u32,
    },
    /// HELLO of another version or another protocol.
    #[error("HELLO starts with \"{}\", not with \"ayt/1\"", .0.escape_ascii())]
    Version([u8; 5]),
    /// A bit that must be 0.
    #[error("{kind} with reserved bits set: {bits:#04x}")]
    Reserved {
        /// Its type.
        kind: Kind,
        /// Those bits.
        bits: u8,
    },
    /// A field outside of its range.
    #[error("{kind}: {field} is {value}, but must be {least} to {most}")]
    Value {
        /// The frame's type.
        kind: Kind,
        /// The field's name in docs/protocol.md.
        field: &'static str,
        /// Its value.
        value: u32,
        /// The smallest there may be.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// Two fields that exclude each other.
    #[error("{kind} contradicts itself: {what}")]
    Contradiction {
        /// The frame's type.
        kind: Kind,
        /// What is said at once.
        what: &'static str,
    },
    /// A text that is not UTF-8.
    #[error("{kind}: its text is not UTF-8 from byte {at} on")]
    Text {
        /// The frame's type.
        kind: Kind,
        /// The first byte of the text that is wrong, from 0.
        at: u32,
    },
    /// The stream ended within a frame.
    #[error("the connection ended within a frame, after {have} bytes of it")]
    Truncated {
        /// Bytes of the frame that came, its header included.
        have: usize,
    },
}

impl FrameError {
    /// The reason to give in BYE, or before WELCOME in REFUSE.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Version(_) => Reason::Version,
            _ => Reason::ProtocolError,
        }
    }

    /// They are what TLS begins with: a client's handshake, or the alert of a server that
    /// got no handshake. An alert's record (`15 03 0x 00 02`, RFC 8446, 5.1) reads as a
    /// BYE of some 200,000 bytes.
    #[must_use]
    pub const fn looks_like_tls(&self) -> bool {
        match self {
            Self::UnknownType(kind) => *kind == TLS_HANDSHAKE,
            Self::TooLarge {
                kind: Kind::Bye,
                length,
                ..
            } => matches!(*length, 0x03_00_00 | 0x03_01_00 | 0x03_02_00 | 0x03_03_00),
            _ => false,
        }
    }

    /// One word for logs, counters and the test vectors.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownType(_) => "unknown_type",
            Self::TooLarge { .. } => "too_large",
            Self::Length { .. } => "length",
            Self::Version(_) => "version",
            Self::Reserved { .. } => "reserved",
            Self::Value { .. } => "value",
            Self::Contradiction { .. } => "contradiction",
            Self::Text { .. } => "text",
            Self::Truncated { .. } => "truncated",
        }
    }
}
