//! A host of its own: a network namespace, and a process namespace whose first
//! process takes everything with it when it ends.
#![expect(
    unsafe_code,
    reason = "unshare, fork, and the code of the forked child"
)]

use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::thread::UnshareFlags;

use super::super::Netns;
use crate::error::SysError;

/// The first process of a host. When it ends, and it ends with this value or with
/// the process that holds it, the kernel kills every process of the host, also
/// those that have made themselves daemons (pid_namespaces(7)).
#[derive(Debug)]
pub struct HostInit {
    pid: Pid,
    /// Its end of file tells the first process to go.
    life: Option<UnixStream>,
}

/// Makes the **calling thread** the ground of a new host: it gets a network
/// namespace of its own, and the processes it starts from now on get a process
/// namespace of their own. It can start no threads afterwards, and nothing brings
/// it back: call it on a thread made for this.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN; `ENOSPC` at the limits of
/// `/proc/sys/user/max_net_namespaces` and `max_pid_namespaces`; before Linux 5.9.
pub fn become_host() -> Result<(Netns, HostInit), SysError> {
    unshare(UnshareFlags::NEWNET | UnshareFlags::NEWPID)
        .map_err(|error| SysError::call("make a network and a process namespace", error))?;
    let ns = Netns::at(Path::new("/proc/thread-self/ns/net"))?;
    let init = HostInit::start()
        .map_err(|error| SysError::call("start the first process of a host", error))?;
    Ok((ns, init))
}

/// As unshare(2), for the calling thread.
pub(super) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: what makes it unsafe is CLONE_FILES, by which two threads would have
    // different descriptors of the same number; no caller here asks for it.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

impl HostInit {
    fn start() -> io::Result<Self> {
        let (mut ours, theirs) = UnixStream::pair()?;
        // SAFETY: the child runs `first_process` only, which makes system calls
        // and nothing else, and never returns: no lock, allocation or destructor
        // of the copied process is touched.
        let pid = unsafe { libc::fork() };
        match pid {
            0 => first_process(theirs.as_raw_fd()),
            pid if pid < 0 => return Err(io::Error::last_os_error()),
            _ => {}
        }
        drop(theirs);
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?;
        let init = Self {
            pid,
            life: ours.try_clone().ok(),
        };
        // It says when it holds nothing of ours any more.
        if ours.read_exact(&mut [0]).is_err() {
            init.wait();
            let why = "it ended at once; close_range(2) needs Linux 5.9";
            return Err(io::Error::other(why));
        }
        Ok(init)
    }

    /// Its number, as this process sees it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Tells it to go: every process of the host is killed. Returns at once.
    pub fn end(&mut self) {
        self.life = None;
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
    }

    /// Waits for its end, after [`HostInit::end`]. It waits for children of this
    /// process that were started on the host: wait for those first.
    pub fn wait(self) {
        let _ = rustix::io::retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty()));
    }
}

/// The child of the fork: closes everything but its end of the stream, says so,
/// and sleeps until the other end is closed. What its orphans leave, the kernel
/// buries (SIGCHLD is ignored).
fn first_process(stream: i32) -> ! {
    // SAFETY: a number for an option; no memory is shared.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) };
    // SAFETY: the name is a constant that ends with a zero.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"ayt-host".as_ptr()) };
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    // SAFETY: descriptors of this new process, which nobody else uses.
    let moved = unsafe { libc::dup2(stream, 0) };
    // SAFETY: as above; only descriptor 0 is used from here on.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 1u32, u32::MAX, 0u32) };
    if moved == 0 && closed == 0 {
        let mut byte = 0u8;
        // SAFETY: one byte of our own is read by the kernel.
        let mut more = unsafe { libc::write(0, (&raw const byte).cast(), 1) };
        while more > 0 {
            // SAFETY: one byte of our own is written by the kernel. A signal does
            // not interrupt it: none has a handler that would return here.
            more = unsafe { libc::read(0, (&raw mut byte).cast(), 1) };
        }
    }
    // SAFETY: ends this process without destructors.
    unsafe { libc::_exit(0) }
}

impl Netns {
    /// A new network namespace, with its loopback device still down.
    ///
    /// # Errors
    /// `EPERM` without CAP_SYS_ADMIN; `ENOSPC` at the limit of
    /// `/proc/sys/user/max_net_namespaces`.
    pub fn fresh() -> Result<Self, SysError> {
        let make = || {
            unshare(UnshareFlags::NEWNET)
                .map_err(|error| SysError::call("make a network namespace", error))?;
            Self::at(Path::new("/proc/thread-self/ns/net"))
        };
        std::thread::scope(|scope| {
            let made = scope.spawn(make).join();
            made.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The descriptor that holds it; none for the one ayt itself runs in.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor()
    }
}
