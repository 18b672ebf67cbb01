//! Duplicates of other processes' descriptors (`pidfd_getfd`, Linux 5.6).

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use ayt_core::facts::Owner;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::Hold;
use crate::error::SysError;

/// Process handles kept open at most, so that a host with many processes does
/// not exhaust ayt's own descriptors.
const KEPT: usize = 128;

/// Gives duplicates; keeps a handle on each process it has seen.
#[derive(Debug, Default)]
pub struct Descriptors {
    processes: HashMap<u32, OwnedFd>,
}

impl Descriptors {
    /// Duplicates a descriptor of another process.
    ///
    /// While the duplicate lives, the owner's close sends no FIN: drop it within
    /// microseconds.
    ///
    /// # Errors
    /// `EPERM` without the right (same user and Yama's `ptrace_scope` 0, or
    /// CAP_SYS_PTRACE); `ESRCH` or `EBADF` when process or descriptor are gone;
    /// `ENOSYS` before Linux 5.6.
    pub fn hold(&mut self, owner: &Owner) -> Result<Hold, SysError> {
        let call = |error: Errno| {
            SysError::call(
                format!("duplicate descriptor {} of pid {}", owner.fd, owner.pid),
                error,
            )
        };
        let fd = i32::try_from(owner.fd).map_err(|_| call(Errno::BADF))?;
        for fresh in [false, true] {
            let process = self.process(owner.pid, fresh).map_err(call)?;
            match pidfd_getfd(process, fd, PidfdGetfdFlags::empty()) {
                Ok(duplicate) => return Ok(Hold::new(duplicate)),
                // The kept handle may be that of an earlier process with this
                // number.
                Err(Errno::SRCH) if !fresh => {}
                Err(error) => return Err(call(error)),
            }
        }
        Err(call(Errno::SRCH))
    }

    fn process(&mut self, pid: u32, fresh: bool) -> Result<&OwnedFd, Errno> {
        if fresh {
            self.processes.remove(&pid);
        }
        if !self.processes.contains_key(&pid) {
            if self.processes.len() >= KEPT {
                self.processes.clear();
            }
            let number = i32::try_from(pid)
                .ok()
                .and_then(Pid::from_raw)
                .ok_or(Errno::SRCH)?;
            let handle = pidfd_open(number, PidfdFlags::empty())?;
            self.processes.insert(pid, handle);
        }
        self.processes.get(&pid).ok_or(Errno::SRCH)
    }
}
