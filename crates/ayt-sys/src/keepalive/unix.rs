//! What all Unix systems have in common: options of the socket, one by one.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ayt_core::fact::{Fact, Why};
use ayt_core::keepalive::{Os, Plan, Setting, Settings};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, getpeername, getsockname, sockopt};

use super::FailedCall;
use super::os::TABLE;

/// An option that holds a time.
pub(super) struct TimeOption {
    pub(super) name: &'static str,
    pub(super) get: fn(BorrowedFd<'_>) -> io::Result<Duration>,
    pub(super) set: fn(BorrowedFd<'_>, Duration) -> io::Result<()>,
    /// What a caller is told where this release of the system lacks it.
    pub(super) lacking: &'static str,
}

/// An option that holds a number of probes.
pub(super) struct CountOption {
    pub(super) name: &'static str,
    pub(super) get: fn(BorrowedFd<'_>) -> io::Result<u32>,
    pub(super) set: fn(BorrowedFd<'_>, u32) -> io::Result<()>,
    pub(super) lacking: &'static str,
}

/// The options of one system, in the order in which they are set.
pub(super) struct Table {
    /// `None` where ayt does not know the options.
    pub(super) os: Option<Os>,
    pub(super) idle: Option<TimeOption>,
    pub(super) interval: Option<TimeOption>,
    pub(super) count: Option<CountOption>,
    /// Zero = none.
    pub(super) user_timeout: Option<TimeOption>,
}

/// The options that most systems call the same and count in seconds.
#[cfg(any(
    target_vendor = "apple",
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd"
))]
pub(super) mod common {
    use super::{CountOption, TimeOption, sockopt};

    const LACKING: &str = "this release of the system has no such option";

    pub(in super::super) const IDLE: TimeOption = TimeOption {
        name: if cfg!(target_vendor = "apple") {
            "TCP_KEEPALIVE"
        } else {
            "TCP_KEEPIDLE"
        },
        get: |fd| Ok(sockopt::tcp_keepidle(fd)?),
        set: |fd, time| Ok(sockopt::set_tcp_keepidle(fd, time)?),
        lacking: LACKING,
    };
    pub(in super::super) const INTERVAL: TimeOption = TimeOption {
        name: "TCP_KEEPINTVL",
        get: |fd| Ok(sockopt::tcp_keepintvl(fd)?),
        set: |fd, time| Ok(sockopt::set_tcp_keepintvl(fd, time)?),
        lacking: LACKING,
    };
    pub(in super::super) const COUNT: CountOption = CountOption {
        name: "TCP_KEEPCNT",
        get: |fd| Ok(sockopt::tcp_keepcnt(fd)?),
        set: |fd, count| Ok(sockopt::set_tcp_keepcnt(fd, count)?),
        lacking: LACKING,
    };
}

const NO_OPTION: Why = Why::Unsupported("the system has no such option for one socket");

/// The option is not there: this release of the system is older than it.
fn is_lacking(error: &io::Error) -> bool {
    let lacking = [Errno::NOPROTOOPT, Errno::OPNOTSUPP, Errno::NOTSUP];
    let number = error.raw_os_error();
    lacking
        .iter()
        .any(|errno| number == Some(errno.raw_os_error()))
}

fn fact<T>(name: &str, result: io::Result<T>) -> Result<Fact<T>, FailedCall> {
    match result {
        Ok(value) => Ok(Fact::Known(value)),
        Err(error) if is_lacking(&error) => Ok(Fact::Unknown(Why::Unsupported(
            "this release of the system has no such option",
        ))),
        Err(source) => Err(FailedCall {
            operation: format!("getsockopt {name}"),
            done: Vec::new(),
            source,
        }),
    }
}

fn time_fact(
    option: Option<&TimeOption>,
    socket: BorrowedFd<'_>,
) -> Result<Fact<Duration>, FailedCall> {
    match option {
        Some(option) => fact(option.name, (option.get)(socket)),
        None => Ok(Fact::Unknown(NO_OPTION)),
    }
}

pub(super) fn this() -> Option<Os> {
    TABLE.os
}

pub(super) fn read(socket: BorrowedFd<'_>) -> Result<Settings, FailedCall> {
    let table = TABLE;
    let enabled = sockopt::socket_keepalive(socket).map_err(io::Error::from);
    Ok(Settings {
        // A socket of another kind has SO_KEEPALIVE, too; a TCP option tells.
        idle: must_be_tcp(time_fact(table.idle.as_ref(), socket)?, socket)?,
        enabled: fact("SO_KEEPALIVE", enabled)?,
        interval: time_fact(table.interval.as_ref(), socket)?,
        count: match &table.count {
            Some(option) => fact(option.name, (option.get)(socket))?,
            None => Fact::Unknown(NO_OPTION),
        },
        user_timeout: match time_fact(table.user_timeout.as_ref(), socket)? {
            Fact::Known(time) => Fact::Known((!time.is_zero()).then_some(time)),
            Fact::Unknown(why) => Fact::Unknown(why),
        },
    })
}

/// An idle option that is lacking on a system which has it means: no TCP socket.
fn must_be_tcp(idle: Fact<Duration>, socket: BorrowedFd<'_>) -> Result<Fact<Duration>, FailedCall> {
    let result = match &idle {
        Fact::Known(_) => return Ok(idle),
        Fact::Unknown(_) => sockopt::tcp_nodelay(socket),
    };
    match result {
        Ok(_) => Ok(idle),
        Err(source) => Err(FailedCall {
            operation: format!(
                "getsockopt {}",
                TABLE.idle.map_or("TCP_NODELAY", |idle| idle.name)
            ),
            done: Vec::new(),
            source: source.into(),
        }),
    }
}

/// Sets what the plan holds; returns what this release of the system lacks, with
/// the reason to tell.
pub(super) fn set(
    socket: BorrowedFd<'_>,
    plan: &Plan,
    before: &Settings,
) -> Result<Vec<(Setting, &'static str)>, FailedCall> {
    let table = TABLE;
    let mut setter = Setter::default();
    if let (Some(option), Some(time)) = (&table.idle, plan.idle) {
        setter.time(Setting::Idle, option, socket, time)?;
    }
    if let (Some(option), Some(time)) = (&table.interval, plan.interval) {
        setter.time(Setting::Interval, option, socket, time)?;
    }
    if let (Some(option), Some(count)) = (&table.count, plan.count) {
        let result = (option.set)(socket, count);
        setter.note(Setting::Count, option.name, option.lacking, &count, result)?;
    }
    if let Some(option) = &table.user_timeout {
        let was_set = matches!(before.user_timeout, Fact::Known(Some(_)));
        if let Some(time) = plan.user_timeout.or(was_set.then_some(Duration::ZERO)) {
            setter.time(Setting::UserTimeout, option, socket, time)?;
        }
    }
    sockopt::set_socket_keepalive(socket, true).map_err(|source| FailedCall {
        operation: "setsockopt SO_KEEPALIVE on".to_owned(),
        done: setter.done,
        source: source.into(),
    })?;
    Ok(setter.lacking)
}

#[derive(Default)]
struct Setter {
    done: Vec<&'static str>,
    lacking: Vec<(Setting, &'static str)>,
}

impl Setter {
    fn time(
        &mut self,
        setting: Setting,
        option: &TimeOption,
        socket: BorrowedFd<'_>,
        time: Duration,
    ) -> Result<(), FailedCall> {
        let result = (option.set)(socket, time);
        self.note(setting, option.name, option.lacking, &time, result)
    }

    fn note(
        &mut self,
        setting: Setting,
        name: &'static str,
        lacking: &'static str,
        value: &dyn std::fmt::Debug,
        result: io::Result<()>,
    ) -> Result<(), FailedCall> {
        match result {
            Ok(()) => self.done.push(name),
            Err(error) if is_lacking(&error) => self.lacking.push((setting, lacking)),
            Err(source) => {
                return Err(FailedCall {
                    operation: format!("setsockopt {name} {value:?}"),
                    done: std::mem::take(&mut self.done),
                    source,
                });
            }
        }
        Ok(())
    }
}

/// The socket by its addresses.
pub(super) fn name(socket: BorrowedFd<'_>) -> String {
    let address = |address: SocketAddrAny| std::net::SocketAddr::try_from(address).ok();
    let local = getsockname(socket).ok().and_then(address);
    let peer = getpeername(socket).ok().flatten().and_then(address);
    match (local, peer) {
        (Some(local), Some(peer)) => format!("{local} → {peer}"),
        (Some(local), None) => local.to_string(),
        _ => "a socket without address".to_owned(),
    }
}
