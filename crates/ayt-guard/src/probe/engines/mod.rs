//! The engines: how one connection is asked through a held duplicate. One file
//! each; which of them may ask is decided in `ayt_core::probe::engine`.

pub(crate) mod keepalive;
pub(crate) mod repair;

use ayt_core::facts::{Cookie, TcpInfo};
use ayt_core::keepalive::Keepalive;
use ayt_core::tcp_state::TcpState;
use ayt_sys::{Hold, SysError};

/// What happened when a connection was to be asked.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It was asked; TCP's account right after.
    Yes(TcpState, TcpInfo),
    /// The descriptor leads to another socket now; nothing was touched.
    OtherSocket,
    /// The owner has changed settings since the journal was written; nothing was
    /// touched. What they are now.
    Changed(Keepalive, bool),
    /// The kernel refused.
    Refused(SysError),
}

/// The duplicate leads to this very socket.
pub(crate) fn is_same(hold: &Hold, cookie: Cookie) -> bool {
    hold.cookie().is_ok_and(|now| now == cookie)
}
