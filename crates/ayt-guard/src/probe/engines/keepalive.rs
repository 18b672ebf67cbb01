//! The keepalive engine: `SO_KEEPALIVE`, then `TCP_KEEPIDLE` of one second, on a
//! connection idle for longer: its keepalive timer is due at once and sends a
//! probe at the next tick (`tcp_keepalive_timer`, net/ipv4/tcp_timer.c). The
//! settings are put back once it has.

use ayt_core::facts::Cookie;
use ayt_core::keepalive::Keepalive;
use ayt_sys::{Hold, SysError};

use super::{Asked, is_same};

/// The idle time under which an ask is made.
pub(crate) const IDLE_S: u32 = 1;

/// Makes the timer due. The order matters: keepalive first, or the kernel only
/// starts a full period.
pub(crate) fn ask(hold: &Hold, cookie: Cookie, before: &Keepalive) -> Asked {
    if !is_same(hold, cookie) {
        return Asked::OtherSocket;
    }
    match hold.keepalive() {
        Ok(now) if now == *before => {}
        Ok(now) => return Asked::Changed(now, false),
        Err(error) => return Asked::Refused(error),
    }
    let set = || {
        if !before.enabled {
            hold.set_keepalive(true)?;
        }
        hold.set_idle(IDLE_S)?;
        hold.tcp_info()
    };
    match set() {
        Ok((state, info)) => Asked::Yes(state, info),
        Err(error) => Asked::Refused(error),
    }
}

/// Puts the settings back: off first, so that the idle time starts no timer.
pub(crate) fn put_back(hold: &Hold, enabled: bool, idle_s: u32) -> Result<(), SysError> {
    if !enabled {
        hold.set_keepalive(false)?;
    }
    hold.set_idle(idle_s)
}
