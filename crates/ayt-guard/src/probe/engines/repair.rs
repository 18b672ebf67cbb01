//! The repair engine: `TCP_REPAIR` off without ever on.
//!
//! The kernel sends one segment numbered `snd_una − 1` before the call returns
//! (`tcp_send_window_probe`, net/ipv4/tcp_output.c); the peer's kernel must
//! acknowledge it (RFC 9293 3.10.7.4). Keepalive settings and `icsk_probes_out`
//! are not touched. `SO_REUSEADDR` is cleared, and put back in the same hold.

use ayt_core::facts::Cookie;
use ayt_sys::{Hold, SysError};

use super::{Asked, is_same};

/// Asks once. `journalled` says that the journal knows of a set `SO_REUSEADDR`.
pub(crate) fn ask(hold: &Hold, cookie: Cookie, journalled: bool) -> Asked {
    if !is_same(hold, cookie) {
        return Asked::OtherSocket;
    }
    let reuse = match hold.reuse_address() {
        Ok(reuse) => reuse,
        Err(error) => return Asked::Refused(error),
    };
    if reuse && !journalled {
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
        Ok((state, info)) if is_same(hold, cookie) => Asked::Yes(state, info),
        Ok(_) => Asked::OtherSocket,
        Err(error) => Asked::Refused(error),
    }
}

/// Puts `SO_REUSEADDR` back.
pub(crate) fn put_back(hold: &Hold, reuse: bool) -> Result<(), SysError> {
    hold.set_reuse_address(reuse)
}
