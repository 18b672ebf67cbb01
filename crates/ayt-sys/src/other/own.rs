//! This process's own sockets, where the kernel tells nothing of them that ayt
//! could read: error numbers are known, facts are not.

use ayt_core::end::{SocketAtEnd, System};

use crate::error::SysError;

/// Whose error numbers this system has.
pub const SYSTEM: System = if cfg!(windows) {
    System::Windows
} else if cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)) {
    System::Bsd
} else if cfg!(target_os = "android") {
    System::Linux
} else {
    System::Other
};

/// An open socket of this process.
pub trait Socket {}

impl<T: ?Sized> Socket for T {}

/// Needs Linux.
///
/// # Errors
/// Always.
pub fn at_end(_socket: &impl Socket) -> Result<SocketAtEnd, SysError> {
    Err(SysError::NeedsLinux)
}

/// Nobody can be asked here.
#[derive(Debug)]
pub enum Ask {}

#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Ask {
    /// Needs Linux.
    pub fn send(_socket: &impl Socket) -> Result<Option<Self>, SysError> {
        Err(SysError::NeedsLinux)
    }

    /// Needs Linux.
    pub fn answered(&self, _socket: &impl Socket) -> Result<bool, SysError> {
        match *self {}
    }

    /// Needs Linux.
    pub fn restore(self, _socket: &impl Socket) -> Result<(), SysError> {
        match self {}
    }
}
