//! Windows (Winsock reference): `SIO_KEEPALIVE_VALS` for switch and both times at
//! once; since version 1709 the same times as options, in seconds, so that they can
//! be read back; `TCP_KEEPCNT` since 1703; `TCP_MAXRT`.
#![expect(unsafe_code, reason = "Winsock calls have no safe wrapper")]

use std::io;
use std::os::windows::io::{AsRawSocket, BorrowedSocket};
use std::ptr;
use std::time::Duration;

use ayt_core::fact::{Fact, Why};
use ayt_core::keepalive::{Os, Plan, Policy, Setting, Settings, vals};
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::Networking::WinSock::{
    IPPROTO_TCP, SO_KEEPALIVE, SOCKET, SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL,
    TCP_MAXRT, TCP_NODELAY, WSAEINVAL, WSAENOPROTOOPT, WSAEOPNOTSUPP, WSAGetLastError, WSAIoctl,
    getsockopt, setsockopt,
};
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;

use super::FailedCall;

const NO_COUNT: &str = "this Windows has no TCP_KEEPCNT (version 1703 and later)";
const NO_MAXRT: &str = "this Windows has no TCP_MAXRT";
const NO_TIMES: Why =
    Why::Unsupported("this Windows does not tell the times (version 1709 and later)");
/// `TCP_MAXRT` that never gives up.
const NEVER: u32 = u32::MAX;

/// Windows and its build.
pub(super) fn this() -> Option<Os> {
    let mut version = OSVERSIONINFOW {
        dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
        ..OSVERSIONINFOW::default()
    };
    // SAFETY: `version` is a valid OSVERSIONINFOW that states its own size and is
    // exclusively borrowed; the call fills it and keeps no pointer.
    let status = unsafe { RtlGetVersion(&raw mut version) };
    // It has no failure but for a wrong size; "old" then means fewer options.
    let build = if status == 0 {
        version.dwBuildNumber
    } else {
        0
    };
    Some(Os::Windows { build })
}

pub(super) fn read(socket: BorrowedSocket<'_>) -> Result<Settings, FailedCall> {
    // A socket of another kind has SO_KEEPALIVE, too; a TCP option tells.
    get(socket, IPPROTO_TCP, TCP_NODELAY)
        .map_err(|source| failed("getsockopt TCP_NODELAY", source))?;
    let enabled = get(socket, SOL_SOCKET, SO_KEEPALIVE)
        .map_err(|source| failed("getsockopt SO_KEEPALIVE", source))?;
    let tcp = |option, why: Why| match get(socket, IPPROTO_TCP, option) {
        Ok(number) => Fact::Known(number),
        Err(_) => Fact::Unknown(why),
    };
    let time = |option| match tcp(option, NO_TIMES) {
        Fact::Known(seconds) => Fact::Known(Duration::from_secs(seconds.into())),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    Ok(Settings {
        enabled: Fact::Known(enabled != 0),
        idle: time(TCP_KEEPIDLE),
        interval: time(TCP_KEEPINTVL),
        count: tcp(TCP_KEEPCNT, Why::Unsupported(NO_COUNT)),
        user_timeout: match tcp(TCP_MAXRT, Why::Unsupported(NO_MAXRT)) {
            Fact::Known(0 | NEVER) => Fact::Known(None),
            Fact::Known(seconds) => Fact::Known(Some(Duration::from_secs(seconds.into()))),
            Fact::Unknown(why) => Fact::Unknown(why),
        },
    })
}

/// Sets what the plan holds; returns what this Windows lacks, with the reason to
/// tell.
pub(super) fn set(
    socket: BorrowedSocket<'_>,
    plan: &Plan,
    _before: &Settings,
) -> Result<Vec<(Setting, &'static str)>, FailedCall> {
    let mut done = Vec::new();
    let mut lacking = Vec::new();
    // The count and the user timeout first: keepalive never runs with half of all.
    for (setting, option, name, value, why) in [
        (
            Setting::Count,
            TCP_KEEPCNT,
            "TCP_KEEPCNT",
            plan.count,
            NO_COUNT,
        ),
        (
            Setting::UserTimeout,
            TCP_MAXRT,
            "TCP_MAXRT",
            plan.user_timeout.map(seconds),
            NO_MAXRT,
        ),
    ] {
        let Some(value) = value else { continue };
        match put(socket, IPPROTO_TCP, option, value) {
            Ok(()) => done.push(name),
            Err(error) if is_lacking(&error) => lacking.push((setting, why)),
            Err(source) => {
                let operation = format!("setsockopt {name} {value}");
                return Err(FailedCall {
                    operation,
                    done,
                    source,
                });
            }
        }
    }
    let (Some(idle), Some(interval)) = (plan.idle, plan.interval) else {
        return Ok(lacking);
    };
    if let Err(source) = switch_on(socket, idle, interval) {
        let operation = format!("SIO_KEEPALIVE_VALS on, {idle:?}, {interval:?}");
        return Err(FailedCall {
            operation,
            done,
            source,
        });
    }
    // The same times again, where they are whole seconds and there are options for
    // them: only those can be read back. Windows before 1709 lacks them and has
    // both times already.
    for (option, time) in [(TCP_KEEPIDLE, idle), (TCP_KEEPINTVL, interval)] {
        if time.subsec_nanos() == 0 {
            let _same_value_again = put(socket, IPPROTO_TCP, option, seconds(time));
        }
    }
    Ok(lacking)
}

/// Handles have no addresses that a safe call would tell.
pub(super) fn name(socket: BorrowedSocket<'_>) -> String {
    format!("socket {}", socket.as_raw_socket())
}

fn failed(operation: &str, source: io::Error) -> FailedCall {
    FailedCall {
        operation: operation.to_owned(),
        done: Vec::new(),
        source,
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// The option is not there: this Windows is older than it.
fn is_lacking(error: &io::Error) -> bool {
    [WSAENOPROTOOPT, WSAEOPNOTSUPP, WSAEINVAL]
        .iter()
        .any(|number| error.raw_os_error() == Some(*number))
}

fn switch_on(socket: BorrowedSocket<'_>, idle: Duration, interval: Duration) -> io::Result<()> {
    // `SO_KEEPALIVE` first, which alone would leave the times of the system.
    put(socket, SOL_SOCKET, SO_KEEPALIVE, 1)?;
    let policy = Policy::new(idle, interval, 1).map_err(io::Error::other)?;
    let bytes = vals::on(&policy);
    let mut returned = 0;
    // SAFETY: the call reads 12 bytes from `bytes`, which is that long, writes one
    // number to `returned`, and has no output buffer; without OVERLAPPED it is over
    // when it returns.
    let result = unsafe {
        WSAIoctl(
            raw(socket),
            vals::SIO_KEEPALIVE_VALS,
            bytes.as_ptr().cast(),
            bytes.len() as u32,
            ptr::null_mut(),
            0,
            &raw mut returned,
            ptr::null_mut(),
            None,
        )
    };
    check(result)
}

fn raw(socket: BorrowedSocket<'_>) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

fn get(socket: BorrowedSocket<'_>, level: i32, option: i32) -> io::Result<u32> {
    let mut value: u32 = 0;
    let mut length = size_of::<u32>() as i32;
    // SAFETY: the call writes at most `length` bytes to `value`, which is that large
    // and exclusively borrowed, and the number written to `length`.
    let result = unsafe {
        getsockopt(
            raw(socket),
            level,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    check(result)?;
    Ok(value)
}

fn put(socket: BorrowedSocket<'_>, level: i32, option: i32, value: u32) -> io::Result<()> {
    // SAFETY: the call reads four bytes from `value`, which is that large and lives
    // until it returns.
    let result = unsafe {
        setsockopt(
            raw(socket),
            level,
            option,
            (&raw const value).cast(),
            size_of::<u32>() as i32,
        )
    };
    check(result)
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        return Ok(());
    }
    // SAFETY: takes nothing and reads this thread's last error.
    let number = unsafe { WSAGetLastError() };
    Err(io::Error::from_raw_os_error(number))
}
