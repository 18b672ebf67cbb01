//! The repair engine: `TCP_REPAIR` off without ever on.
//!
//! The kernel sends one segment numbered `snd_una − 1` before the call returns
//! (`tcp_send_window_probe`, net/ipv4/tcp_output.c); the peer's kernel must
//! acknowledge it (RFC 9293 3.10.7.4). Keepalive settings and `icsk_probes_out`
//! are not touched. `SO_REUSEADDR` is cleared, and put back in the same hold.
//! In any state but ESTABLISHED the call sends nothing, yet succeeds.

use ayt_core::probe::Refusal;
use ayt_core::probe::engine::repair_ready_in;
use ayt_core::tcp_state::TcpState;
use ayt_sys::{Hold, SysError};

use super::Asked;

/// Asks once. `journalled` says that the journal knows of a set `SO_REUSEADDR`;
/// `first` that this run has not asked it yet.
pub(crate) fn ask(hold: &Hold, journalled: bool, first: bool) -> Asked {
    let look = || Ok((hold.tcp_info()?, hold.in_repair()?, hold.reuse_address()?));
    let ((state, before), in_repair, reuse) = match look() {
        Ok(seen) => seen,
        Err(error) => return Asked::Refused(error),
    };
    if in_repair {
        return Asked::Unsafe(Refusal::InRepair, state, before);
    }
    if state != TcpState::Established {
        return Asked::Unsafe(Refusal::RepairState, state, before);
    }
    if first && !repair_ready_in(&before).is_zero() {
        return Asked::TooFresh(state, before);
    }
    // Cleared where it was set: by the owner, or by another ayt in the midst of
    // its ask, who puts it back. Looked at again, it is the owner's will.
    if reuse != journalled {
        return match hold.keepalive() {
            Ok(keepalive) => Asked::Changed(keepalive, reuse),
            Err(error) => Asked::Refused(error),
        };
    }
    let asked = hold.repair_off();
    if reuse && let Err(error) = put_back(hold, true) {
        return Asked::Refused(error);
    }
    match asked.and_then(|()| hold.tcp_info()) {
        Ok(after) => Asked::Yes { before, after },
        Err(error) => Asked::Refused(error),
    }
}

/// Puts `SO_REUSEADDR` back.
pub(crate) fn put_back(hold: &Hold, reuse: bool) -> Result<(), SysError> {
    hold.set_reuse_address(reuse)
}
