//! The numbers of modes, methods, reasons and hints.

use super::bounds::TEXT;
use crate::session::frame::{Method, Mode, Reason, Retry};

impl Mode {
    /// The mode with this number; `None` where there is none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Register,
            1 => Self::Resume,
            2 => Self::Spare,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Register => 0,
            Self::Resume => 1,
            Self::Spare => 2,
        }
    }
}

impl Method {
    /// The method with this number; `None` where there is none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::None,
            1 => Self::Hmac,
            2 => Self::Certificate,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Hmac => 1,
            Self::Certificate => 2,
        }
    }
}

impl Reason {
    /// Every reason, in the order of their numbers, which start at 1.
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::ShuttingDown,
        Self::Superseded,
        Self::HeartbeatMissed,
        Self::ProtocolError,
        Self::NotAuthorised,
        Self::IdentityInUse,
        Self::Flapping,
        Self::Overloaded,
        Self::TooLate,
        Self::Version,
        Self::Kicked,
    ];

    /// The reason with this number. One that a later version may have added counts
    /// as [`Self::ProtocolError`].
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        usize::from(code)
            .checked_sub(1)
            .and_then(|place| Self::ALL.get(place))
            .copied()
            .unwrap_or(Self::ProtocolError)
    }

    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 1,
            Self::ShuttingDown => 2,
            Self::Superseded => 3,
            Self::HeartbeatMissed => 4,
            Self::ProtocolError => 5,
            Self::NotAuthorised => 6,
            Self::IdentityInUse => 7,
            Self::Flapping => 8,
            Self::Overloaded => 9,
            Self::TooLate => 10,
            Self::Version => 11,
            Self::Kicked => 12,
        }
    }

    /// Its name in docs/protocol.md.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::ShuttingDown => "shutting_down",
            Self::Superseded => "superseded",
            Self::HeartbeatMissed => "heartbeat_missed",
            Self::ProtocolError => "protocol_error",
            Self::NotAuthorised => "not_authorised",
            Self::IdentityInUse => "identity_in_use",
            Self::Flapping => "flapping",
            Self::Overloaded => "overloaded",
            Self::TooLate => "too_late",
            Self::Version => "version",
            Self::Kicked => "kicked",
        }
    }
}

impl Retry {
    /// The hint with this number.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code {
            u32::MAX => Self::Never,
            ms => Self::After(ms),
        }
    }

    /// Its number. The longest hint is one millisecond shorter than 2³² − 1, which
    /// says "never": 49 days.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Never => u32::MAX,
            Self::After(u32::MAX) => u32::MAX - 1,
            Self::After(ms) => ms,
        }
    }
}

/// As much of a text as REFUSE and BYE have room for: at most 200 bytes, cut
/// between two characters.
#[must_use]
pub fn bounded_text(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT)]
}
