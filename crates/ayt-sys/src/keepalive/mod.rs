//! Keepalive of a program's own sockets: applied, read back, and every
//! difference told. One file per system; this is the one place that chooses.
//!
//! The decisions (units, ranges, what a system lacks) are in
//! [`ayt_core::keepalive`]; here are only the calls.

mod applied;
#[cfg(any(
    target_vendor = "apple",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos"
))]
mod raw;
#[cfg(unix)]
mod unix;

#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "linux.rs")]
#[cfg_attr(target_vendor = "apple", path = "apple.rs")]
#[cfg_attr(target_os = "freebsd", path = "freebsd.rs")]
#[cfg_attr(target_os = "netbsd", path = "netbsd.rs")]
#[cfg_attr(target_os = "openbsd", path = "openbsd.rs")]
#[cfg_attr(target_os = "dragonfly", path = "dragonfly.rs")]
#[cfg_attr(target_os = "illumos", path = "illumos.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(
    not(any(
        windows,
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd"
    )),
    path = "fallback.rs"
)]
mod os;

#[cfg(windows)]
use os as calls;
#[cfg(unix)]
use unix as calls;

#[cfg(unix)]
use std::os::fd::{AsFd as AsSocket, BorrowedFd as Socket};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket as Socket};

use ayt_core::fact::Fact;
use ayt_core::keepalive::{Downgrade, Instead, Os, Plan, Policy, Setting, Settings, Value};

pub use applied::{Applied, ApplyError};

/// The system this runs on; `None` where ayt knows none of its options.
#[must_use]
pub fn this_os() -> Option<Os> {
    calls::this()
}

/// Sets keepalive as the policy wants it, and reads back what is in effect.
///
/// Only this socket changes. The times are set first and the switch last, so that
/// keepalive never runs with half of them (Windows switches on together with both
/// times). A user timeout that the policy does not want is taken back where the
/// system has a way to say so.
///
/// # Errors
/// [`ApplyError`] says which call failed, on which socket, and what had been set
/// before it.
#[cfg(unix)]
pub fn apply(socket: impl AsSocket, policy: &Policy) -> Result<Applied, ApplyError> {
    apply_to(socket.as_fd(), policy)
}

/// Sets keepalive as the policy wants it, and reads back what is in effect.
///
/// Only this socket changes. Windows switches keepalive on together with both
/// times. A user timeout set before stays where the policy wants none: Windows has
/// no way to say "as at first".
///
/// # Errors
/// [`ApplyError`] says which call failed, on which socket, and what had been set
/// before it.
#[cfg(windows)]
pub fn apply(socket: impl AsSocket, policy: &Policy) -> Result<Applied, ApplyError> {
    apply_to(socket.as_socket(), policy)
}

/// Reads the settings in effect.
///
/// # Errors
/// When the socket is none, or is no TCP socket, or the system is one whose options
/// ayt does not know.
#[cfg(unix)]
pub fn read(socket: impl AsSocket) -> Result<Settings, ApplyError> {
    read_from(socket.as_fd())
}

/// Reads the settings in effect.
///
/// # Errors
/// When the socket is none, or is no TCP socket.
#[cfg(windows)]
pub fn read(socket: impl AsSocket) -> Result<Settings, ApplyError> {
    read_from(socket.as_socket())
}

fn read_from(socket: Socket<'_>) -> Result<Settings, ApplyError> {
    if calls::this().is_none() {
        return Err(ApplyError::UnknownSystem);
    }
    calls::read(socket).map_err(|call| call.on(calls::name(socket)))
}

fn apply_to(socket: Socket<'_>, policy: &Policy) -> Result<Applied, ApplyError> {
    let os = calls::this().ok_or(ApplyError::UnknownSystem)?;
    let plan = os.plan(policy)?;
    let before = read_from(socket)?;
    let lacking =
        calls::set(socket, &plan, &before).map_err(|call| call.on(calls::name(socket)))?;
    let after = read_from(socket)?;
    let mut downgrades = plan.downgrades.clone();
    for (setting, option) in lacking {
        let Some(asked) = asked(policy, setting) else {
            continue;
        };
        downgrades.retain(|one| one.setting != setting);
        downgrades.push(Downgrade {
            setting,
            asked,
            instead: what_it_keeps(os, setting, &before),
            why: option,
        });
    }
    compare(&plan, policy, &after, &mut downgrades);
    Ok(Applied {
        os,
        before,
        after,
        downgrades,
    })
}

/// A call that failed, before it is known on which socket.
#[derive(Debug)]
struct FailedCall {
    operation: String,
    done: Vec<&'static str>,
    source: std::io::Error,
}

impl FailedCall {
    fn on(self, socket: String) -> ApplyError {
        ApplyError::Call {
            operation: self.operation,
            socket,
            done: self.done,
            source: self.source,
        }
    }
}

fn asked(policy: &Policy, setting: Setting) -> Option<Value> {
    match setting {
        Setting::Idle => Some(policy.idle().into()),
        Setting::Interval => Some(policy.interval().into()),
        Setting::Count => Some(policy.count().into()),
        Setting::UserTimeout => policy.user_timeout().map(Value::from),
    }
}

/// What is in effect where this release of a system lacks an option.
fn what_it_keeps(os: Os, setting: Setting, before: &Settings) -> Instead {
    let defaults = os.profile().defaults;
    match setting {
        Setting::Idle => Instead::Keeps(known(&before.idle).unwrap_or(defaults.idle.into())),
        Setting::Interval => {
            Instead::Keeps(known(&before.interval).unwrap_or(defaults.interval.into()))
        }
        Setting::Count => Instead::Keeps(known(&before.count).unwrap_or(defaults.count.into())),
        Setting::UserTimeout => Instead::Nothing,
    }
}

fn known<T: Copy + Into<Value>>(fact: &Fact<T>) -> Option<Value> {
    fact.known().copied().map(Into::into)
}

/// Tells where what is read back is not what was set.
fn compare(plan: &Plan, policy: &Policy, after: &Settings, downgrades: &mut Vec<Downgrade>) {
    let user_timeout = match &after.user_timeout {
        Fact::Known(time) => Fact::Known(time.unwrap_or_default()),
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
    };
    let pairs = [
        (
            Setting::Idle,
            plan.idle.map(Value::from),
            known(&after.idle),
        ),
        (
            Setting::Interval,
            plan.interval.map(Value::from),
            known(&after.interval),
        ),
        (
            Setting::Count,
            plan.count.map(Value::from),
            known(&after.count),
        ),
        (
            Setting::UserTimeout,
            plan.user_timeout.map(Value::from),
            known(&user_timeout),
        ),
    ];
    for (setting, set, read) in pairs {
        let (Some(set), Some(asked)) = (set, asked(policy, setting)) else {
            continue;
        };
        let told = downgrades.iter().any(|one| one.setting == setting);
        let (instead, why) = match read {
            Some(read) if read == set => continue,
            Some(read) => (Instead::Takes(read), "the system reads back another value"),
            None if told => continue,
            None => (Instead::Unread, "the system does not tell it"),
        };
        downgrades.retain(|one| one.setting != setting || one.instead == Instead::Nothing);
        if !downgrades.iter().any(|one| one.setting == setting) {
            downgrades.push(Downgrade {
                setting,
                asked,
                instead,
                why,
            });
        }
    }
}
