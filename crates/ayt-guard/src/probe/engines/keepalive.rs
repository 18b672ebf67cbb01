//! The keepalive engine: `TCP_KEEPIDLE` of one second under `SO_KEEPALIVE`, on a
//! connection idle for longer: its keepalive timer is due at once and sends a
//! probe at the next tick (`tcp_keepalive_timer`, net/ipv4/tcp_timer.c). The
//! settings are put back once it has.
//!
//! The idle time is set first and put back last: as long as anything is changed
//! it is one second, wherever a kill −9 falls.

use ayt_core::facts::TcpInfo;
use ayt_core::keepalive::Keepalive;
use ayt_core::probe::Refusal;
use ayt_core::probe::engine::keepalive_ready_in;
use ayt_core::tcp_state::TcpState;
use ayt_sys::{Hold, SysError};

use super::Asked;

/// The idle time under which an ask is made.
pub(crate) const IDLE_S: u32 = 1;

/// What a hold shows right before an ask.
pub(crate) struct Seen {
    pub(crate) state: TcpState,
    pub(crate) info: TcpInfo,
    pub(crate) in_repair: bool,
}

/// Makes the timer due, if `may_ask` agrees with what is seen now. When this
/// fails, nothing is left changed.
pub(crate) fn ask(
    hold: &Hold,
    before: &Keepalive,
    may_ask: impl FnOnce(&Seen) -> Result<(), Refusal>,
) -> Asked {
    let look = || Ok((hold.keepalive()?, hold.tcp_info()?, hold.in_repair()?));
    let (settings, seen) = match look() {
        Ok((settings, (state, info), in_repair)) => {
            let seen = Seen {
                state,
                info,
                in_repair,
            };
            (settings, seen)
        }
        Err(error) => return Asked::Refused(error),
    };
    if settings != *before {
        return Asked::Changed(settings, false);
    }
    if let Err(refusal) = may_ask(&seen) {
        return Asked::Unsafe(refusal, seen.state, seen.info);
    }
    if !keepalive_ready_in(&seen.info).is_zero() {
        return Asked::TooFresh(seen.state, seen.info);
    }
    let set = || {
        hold.set_idle(IDLE_S)?;
        if !before.enabled {
            // Switching it on starts a full period; setting the idle time again
            // takes into account how long the connection has been idle.
            hold.set_keepalive(true)?;
            hold.set_idle(IDLE_S)?;
        }
        hold.tcp_info()
    };
    match set() {
        Ok(after) => Asked::Yes {
            before: seen.info,
            after,
        },
        Err(error) => {
            // Its own failure would be that of the call before.
            let _ = put_back(hold, before.enabled, before.idle_s);
            Asked::Refused(error)
        }
    }
}

/// Puts the settings back: off first, so that the idle time starts no timer.
/// Only what the engine itself set is taken back: an owner who has set another
/// idle time since keeps that, and keepalive as it is. Returns whether there was
/// anything to put back.
pub(crate) fn put_back(hold: &Hold, enabled: bool, idle_s: u32) -> Result<bool, SysError> {
    if hold.keepalive()?.idle_s != IDLE_S {
        return Ok(false);
    }
    if !enabled {
        hold.set_keepalive(false)?;
    }
    hold.set_idle(idle_s)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use ayt_core::facts::Owner;
    use ayt_sys::Descriptors;
    use rustix::net::sockopt;

    use super::*;

    #[test]
    fn what_the_owner_sets_in_the_midst_of_an_ask_stays() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let owner = Owner {
            inode: 0,
            pid: std::process::id(),
            fd: stream.as_raw_fd().unsigned_abs(),
        };
        let hold = Descriptors::default().hold(&owner).unwrap();
        let before = hold.keepalive().unwrap();
        let quiet = |_: &Seen| Ok(());
        ayt_testbed::eventually("a second of idleness", Duration::from_secs(30), || {
            matches!(ask(&hold, &before, quiet), Asked::Yes { .. })
        });
        assert_eq!(hold.keepalive().unwrap().idle_s, IDLE_S);

        sockopt::set_tcp_keepidle(&stream, Duration::from_secs(42)).unwrap();
        assert!(!put_back(&hold, before.enabled, before.idle_s).unwrap());
        let now = hold.keepalive().unwrap();
        assert_eq!((now.enabled, now.idle_s), (true, 42));

        sockopt::set_tcp_keepidle(&stream, Duration::from_secs(1)).unwrap();
        assert!(put_back(&hold, before.enabled, before.idle_s).unwrap());
        assert_eq!(hold.keepalive().unwrap(), before);
    }
}
