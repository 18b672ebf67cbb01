//! Knowledge with its gaps: a thing is known, or unknown for a reason.

use std::fmt;

/// Something asked of the kernel: known, or unknown with the reason. Unknown is
/// never zero and never a missing row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    /// The kernel said so.
    Known(T),
    /// It was not asked, or did not say.
    Unknown(Why),
}

impl<T> Fact<T> {
    /// The value, where it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// The reason, where it is unknown.
    pub const fn why(&self) -> Option<&Why> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }
}

/// Why something is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// Nobody asked: the command did not need it, or an option leaves it out.
    NotAsked,
    /// The kernel refused; what would have to be granted.
    NoRight {
        /// What was tried ("duplicate descriptor 7 of pid 812").
        operation: String,
        /// What would allow it ("run as root or grant CAP_SYS_PTRACE").
        remedy: String,
    },
    /// No process holds a descriptor (accept queue, orphan, kernel socket).
    NoDescriptor,
    /// A descriptor exists but its owner could not be seen.
    OwnerHidden,
    /// The process, descriptor or socket was gone when it was asked.
    Vanished,
    /// This kernel cannot tell.
    KernelTooOld {
        /// What is missing ("pidfd_getfd").
        what: &'static str,
        /// The first release that has it ("5.6").
        since: &'static str,
    },
    /// The kernel has no such thing for this socket.
    Unsupported(&'static str),
    /// The call failed in another way.
    Failed {
        /// What was tried.
        operation: String,
        /// What the kernel answered.
        error: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not asked"),
            Self::NoRight { operation, remedy } => {
                write!(f, "no right to {operation}: {remedy}")
            }
            Self::NoDescriptor => {
                f.write_str("no process holds a descriptor (accept queue, orphan or kernel socket)")
            }
            Self::OwnerHidden => f.write_str(
                "its owner is hidden: run as root or grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
            ),
            Self::Vanished => f.write_str("gone when it was asked"),
            Self::KernelTooOld { what, since } => {
                write!(f, "this kernel has no {what} (Linux {since} and later)")
            }
            Self::Unsupported(what) => f.write_str(what),
            Self::Failed { operation, error } => write!(f, "{operation}: {error}"),
        }
    }
}

/// A part of the view that is missing: counted, explained, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// What is missing ("owners of 37 sockets are hidden").
    pub what: String,
    /// Why ("/proc/812/fd: permission denied").
    pub why: String,
    /// What would show it ("run as root or grant CAP_SYS_PTRACE").
    pub remedy: String,
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.what, self.why, self.remedy)
    }
}
