//! What the kernel would not do, with operation and cause.

use std::io;

/// A call to the kernel that failed.
#[derive(Debug, thiserror::Error)]
pub enum SysError {
    /// There is no Linux kernel here.
    #[error("this needs Linux: ayt asks the Linux kernel through sock_diag and /proc")]
    NeedsLinux,
    /// A system call or a file failed.
    #[error("{operation}: {source}")]
    Call {
        /// What was tried, on what.
        operation: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The kernel's answer was not understood.
    #[error("{operation}: {detail}")]
    Malformed {
        /// What was read.
        operation: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

impl SysError {
    /// A failed call.
    pub fn call(operation: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Call {
            operation: operation.into(),
            source: source.into(),
        }
    }

    /// The kernel's error number, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Call { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// The kernel refused for lack of a right.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// The thing asked about is gone: process (ESRCH), descriptor (EBADF), file
    /// or socket (ENOENT), socket number given to another (ESTALE).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        // The numbers are those of Linux, the only system that answers.
        matches!(self.errno(), Some(2 | 3 | 9 | 116))
    }

    /// The kernel does not know the call (ENOSYS).
    #[must_use]
    pub fn is_unknown_call(&self) -> bool {
        self.errno() == Some(38)
    }

    /// No route leads there, or the device that would is down (ENETDOWN,
    /// ENETUNREACH, EHOSTUNREACH).
    #[must_use]
    pub fn is_no_way(&self) -> bool {
        matches!(self.errno(), Some(100 | 101 | 113))
    }

    /// The kernel knows the call and was built without what it asks for
    /// (EOPNOTSUPP).
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.errno() == Some(95)
    }
}

/// Why sock_diag shows nothing for a socket that was asked for by name.
#[derive(Debug)]
pub enum NoSocket {
    /// It is gone (ENOENT).
    Gone,
    /// Another connection has its addresses now (ESTALE).
    Replaced,
    /// The kernel said something else.
    Failed(io::Error),
}

impl NoSocket {
    /// From the error number of the answer, in Linux' numbers.
    #[must_use]
    pub fn from_errno(errno: i32) -> Self {
        match errno {
            2 => Self::Gone,
            116 => Self::Replaced,
            other => Self::Failed(io::Error::from_raw_os_error(other)),
        }
    }
}
