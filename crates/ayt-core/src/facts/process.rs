//! Processes, and which of them hold which socket.

use std::fmt;

use crate::fact::Fact;

/// One descriptor of one process on one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// Inode of the socket's file.
    pub inode: u32,
    /// The process.
    pub pid: u32,
    /// Its descriptor.
    pub fd: u32,
}

/// Who holds which socket, from one pass over /proc.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners(Vec<Owner>);

impl Owners {
    /// Sorts the list so that [`Self::of`] can find.
    #[must_use]
    pub fn new(mut owners: Vec<Owner>) -> Self {
        owners.sort_unstable();
        Self(owners)
    }

    /// All descriptors on the socket with this inode; none for inode 0.
    #[must_use]
    pub fn of(&self, inode: u32) -> &[Owner] {
        if inode == 0 {
            return &[];
        }
        let start = self.0.partition_point(|owner| owner.inode < inode);
        let rest = self.0.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|owner| owner.inode == inode).count();
        &rest[..length]
    }

    /// Every descriptor, ordered by inode.
    #[must_use]
    pub fn all(&self) -> &[Owner] {
        &self.0
    }
}

/// A process that holds sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, as seen from ayt's pid namespace.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// Its command name (/proc/PID/comm, at most 15 bytes).
    pub command: String,
    /// When it started, in clock ticks since boot: with the pid it names one
    /// process for good.
    pub start_ticks: u64,
    /// Inode of its network namespace.
    pub netns: Fact<u64>,
    /// Where it runs: systemd unit, container, pod.
    pub unit: Unit,
    /// Soft limit of descriptors (`RLIMIT_NOFILE`).
    pub descriptor_limit: Fact<u64>,
    /// Open descriptors.
    pub descriptors: Fact<u32>,
}

/// Where a process runs, as far as its cgroup path tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// systemd unit ("nginx.service").
    pub systemd: Option<String>,
    /// Container id, shortened to 12 characters.
    pub container: Option<String>,
    /// Kubernetes pod uid.
    pub pod: Option<String>,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.pod, &self.container, &self.systemd) {
            (Some(pod), _, _) => write!(f, "pod {pod}"),
            (None, Some(container), _) => write!(f, "container {container}"),
            (None, None, Some(unit)) => f.write_str(unit),
            (None, None, None) => Ok(()),
        }
    }
}

/// A thread and what it is blocked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// State letter of /proc/PID/stat: `S` sleeping, `R` running, `D` waiting
    /// for a device, `T` stopped, `t` traced, `Z` zombie.
    pub state: char,
    /// The system call it sits in; `Known(None)` while it runs.
    pub call: Fact<Option<Call>>,
}

/// A system call a thread sits in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name ("recvfrom"), or `syscall NUMBER` where ayt does not know it.
    pub name: String,
    /// The descriptor it works on, for calls that take one first.
    pub fd: Option<u32>,
}

impl Call {
    /// It waits for events of several descriptors.
    #[must_use]
    pub fn waits_for_events(&self) -> bool {
        let names = [
            "epoll_",
            "poll",
            "ppoll",
            "select",
            "pselect",
            "io_uring_enter",
        ];
        names.iter().any(|name| self.name.starts_with(name))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fd {
            Some(fd) => write!(f, "{}({fd})", self.name),
            None => write!(f, "{}()", self.name),
        }
    }
}
