//! A program that runs on a host.

use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ayt_sys::SysError;
use ayt_sys::lab::Exit;

use crate::sync::lock;

/// A program on a host. Dropping this leaves it running: it ends with its host.
#[derive(Debug)]
pub struct Process {
    program: String,
    pid: u32,
    child: Arc<Mutex<Child>>,
    exit: Exit,
}

impl Process {
    pub(super) fn new(program: String, child: Arc<Mutex<Child>>) -> Result<Self, SysError> {
        let (pid, exit) = {
            let child = lock(&child);
            (child.id(), Exit::of(&child)?)
        };
        Ok(Self {
            program,
            pid,
            child,
            exit,
        })
    }

    /// What was started.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Its number, as this process sees it.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Its standard input, if it was piped; once.
    #[must_use]
    pub fn stdin(&self) -> Option<ChildStdin> {
        lock(&self.child).stdin.take()
    }

    /// Its standard output, if it was piped; once.
    #[must_use]
    pub fn stdout(&self) -> Option<ChildStdout> {
        lock(&self.child).stdout.take()
    }

    /// Its standard error, if it was piped; once.
    #[must_use]
    pub fn stderr(&self) -> Option<ChildStderr> {
        lock(&self.child).stderr.take()
    }

    /// Sends a signal by its number in Linux: 9 kills, 15 asks to end, 19 stops, 18
    /// lets go on.
    ///
    /// # Errors
    /// `ESRCH` when it has ended.
    pub fn signal(&self, number: i32) -> Result<(), SysError> {
        self.exit.signal(number)
    }

    /// Waits for its end, at most `time`; `None` when it still runs.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn wait(&self, time: Duration) -> io::Result<Option<ExitStatus>> {
        // Without the lock: others may want its pipes meanwhile.
        let _ = self.exit.wait(time);
        lock(&self.child).try_wait()
    }
}
