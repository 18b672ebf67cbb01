//! Children that do not outlive the lab.
#![expect(unsafe_code, reason = "`pre_exec`: code between fork and exec")]

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};

use crate::error::SysError;

/// Lets a command be killed when the **thread** that starts it ends
/// (`PR_SET_PDEATHSIG`): start it from one that lives as long as it should.
pub fn die_with_parent(command: &mut Command) {
    let before_exec = || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: between fork and exec only one prctl system call is made and an
    // error number is turned into an `io::Error` without allocation; both are
    // async-signal-safe.
    unsafe { command.pre_exec(before_exec) };
}

/// A handle on a process, not on a number that another may get.
#[derive(Debug)]
pub struct Exit(OwnedFd);

impl Exit {
    /// Of a child that has not been waited for.
    ///
    /// # Errors
    /// `ESRCH` when it was; `ENOSYS` before Linux 5.3.
    pub fn of(child: &Child) -> Result<Self, SysError> {
        let pid = Pid::from_child(child);
        let fd = pidfd_open(pid, PidfdFlags::empty())
            .map_err(|error| SysError::call(format!("open process {}", child.id()), error))?;
        Ok(Self(fd))
    }

    /// Waits until it has ended, for at most `time`; false when it has not.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let time = Timespec::try_from(time).ok();
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut fds, time.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// Sends a signal by its number.
    ///
    /// # Errors
    /// `ESRCH` when it has ended; `EINVAL` for a number that is no signal.
    pub fn signal(&self, number: i32) -> Result<(), SysError> {
        let call = |error| SysError::call(format!("send signal {number}"), error);
        let signal =
            Signal::from_named_raw(number).ok_or_else(|| call(rustix::io::Errno::INVAL))?;
        pidfd_send_signal(&self.0, signal).map_err(call)
    }
}
