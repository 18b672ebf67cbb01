//! What a fault is to the side that watches.

use ayt_core::cause::Cause;

/// What a fault is to the side that watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing comes any more, and nothing that is sent is answered.
    Silence,
    /// As silence, and routers say that the peer cannot be reached. TCP ignores that
    /// where nothing is in flight; with data in flight it is the reason that an end by
    /// user timeout gives (RFC 5461; `tcp_v4_err`).
    Unreachable,
    /// As silence, and what is sent does not even leave this host.
    OwnLink,
    /// Nothing comes any more; whatever is sent next is answered with RST.
    ResetOnNext,
    /// The end is told at once.
    Told(Cause),
    /// The peer's program does nothing any more; its kernel acknowledges.
    Frozen,
    /// The peer lives: whoever calls it dead is wrong.
    Harmless,
    /// The peer lives and reads nothing: its window is closed. A user timeout calls
    /// that dead.
    WindowClosed,
}

impl Effect {
    /// The peer, or the way to it, is lost.
    #[must_use]
    pub const fn is_death(self) -> bool {
        !matches!(self, Self::Harmless | Self::WindowClosed)
    }
}
