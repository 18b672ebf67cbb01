//! What was looked at closer, inside the few processes that a question is about.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::{Cookie, Thread};
use crate::fact::{Fact, Why};

/// Facts that only a question about some processes needs.
#[derive(Debug, Clone, Default)]
pub struct Inside {
    /// Their threads, by process.
    pub threads: BTreeMap<u32, Fact<Threads>>,
    /// Their children, by process.
    pub children: BTreeMap<u32, Vec<u32>>,
    /// How often a probe has asked a connection's peer.
    pub asks: FxHashMap<Cookie, u32>,
}

/// The threads of one process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Threads {
    /// Those that were read, the first thread first.
    pub seen: Vec<ThreadDetail>,
    /// How many there are besides, and were not read.
    pub not_read: usize,
}

/// A thread, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadDetail {
    /// Number, name, state and call.
    pub thread: Thread,
    /// Where in the kernel it sleeps (`/proc/PID/task/TID/wchan`): a function,
    /// or nothing while it runs.
    pub wait_channel: Fact<Option<String>>,
    /// When it last ran, on the clock since boot (from `se.exec_start` of
    /// `/proc/PID/task/TID/sched`): for a blocked thread, since when it is.
    pub last_ran: Fact<Duration>,
    /// What the arguments of its call say.
    pub waits_on: Fact<WaitsOn>,
    /// Where its own program called, the innermost first.
    pub stack: Fact<Vec<Frame>>,
}

/// What a thread waits for, as far as the arguments of its call tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsOn {
    /// The call says no more than its name.
    Nothing,
    /// It works on one descriptor; what that is where it is no TCP socket: the
    /// target of `/proc/PID/fd/FD` (`pipe:[4711]`), none where it has been given
    /// up already, as in close.
    Descriptor(Option<String>),
    /// It waits for one of these (poll, select, epoll).
    Events(Vec<Watch>),
    /// It waits for a lock (futex) at this address.
    Lock {
        /// The address.
        address: u64,
        /// The thread that holds it, by what glibc's mutex keeps beside it.
        /// Other locks do not say: a guess.
        holder: Option<u32>,
    },
    /// It waits for the end of this child, or of any.
    Child(Option<u32>),
}

/// A descriptor that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The descriptor.
    pub fd: u32,
    /// What is waited for, as poll(2) and epoll(7) number it; 0 in the lower
    /// half waits for nothing (`EPOLLONESHOT` that has fired).
    pub events: u32,
}

impl Watch {
    /// It waits for something to read, or to accept.
    #[must_use]
    pub const fn wants_input(self) -> bool {
        // POLLIN, POLLPRI, POLLRDNORM, POLLRDBAND.
        self.events & 0x00c3 != 0
    }
}

/// A place in a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The file that is mapped there, its last part ("libc.so.6").
    pub module: String,
    /// The address within that file.
    pub offset: u64,
    /// The function, where the file names it, and how far within.
    pub symbol: Option<(String, u64)>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.symbol {
            Some((name, within)) => write!(f, "{name}+{within:#x} ({})", self.module),
            None => write!(f, "{}+{:#x}", self.module, self.offset),
        }
    }
}

impl Inside {
    /// The threads of a process that were read; why none, where none were.
    ///
    /// # Errors
    /// Why they are unknown.
    pub fn threads_of(&self, pid: u32) -> Result<&Threads, &Why> {
        match self.threads.get(&pid) {
            Some(Fact::Known(threads)) => Ok(threads),
            Some(Fact::Unknown(why)) => Err(why),
            None => Err(&Why::NotAsked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_what_it_knows() {
        let mut frame = Frame {
            module: "libc.so.6".to_owned(),
            offset: 0x10a1a,
            symbol: None,
        };
        assert_eq!(frame.to_string(), "libc.so.6+0x10a1a");
        frame.symbol = Some(("recv".to_owned(), 0x1a));
        assert_eq!(frame.to_string(), "recv+0x1a (libc.so.6)");
    }

    #[test]
    fn a_watch_that_has_fired_once_waits_for_nothing() {
        let watch = |events| Watch { fd: 3, events };
        assert!(watch(0x1).wants_input());
        assert!(watch(0x4000_0019).wants_input());
        assert!(!watch(0x4000_0000).wants_input());
        assert!(!watch(0x1c).wants_input());
    }
}
