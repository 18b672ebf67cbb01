//! The engines: how one connection is asked through a held duplicate, which the
//! caller has found to be this very socket. One file each; which of them may ask
//! is decided in `ayt_core::probe::engine`.

pub(crate) mod keepalive;
pub(crate) mod repair;

use ayt_core::facts::TcpInfo;
use ayt_core::keepalive::Keepalive;
use ayt_core::probe::Refusal;
use ayt_core::tcp_state::TcpState;
use ayt_sys::SysError;

/// What happened when a connection was to be asked.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It was asked, or will be at the next tick of the kernel's clock.
    Yes {
        /// TCP's account right before.
        before: TcpInfo,
        /// State and account right after.
        after: (TcpState, TcpInfo),
    },
    /// It was heard so recently that an ask would not be sent, or its answer be
    /// swallowed; nothing was touched.
    TooFresh(TcpState, TcpInfo),
    /// The owner has changed settings since the journal was written; nothing was
    /// touched. What they are now.
    Changed(Keepalive, bool),
    /// It could hurt by now; nothing was touched.
    Unsafe(Refusal, TcpState, TcpInfo),
    /// The kernel refused.
    Refused(SysError),
}
