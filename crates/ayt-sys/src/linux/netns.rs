//! Network namespaces: open one, run something inside.

use std::fs::File;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::{AsFd, BorrowedFd};

use crate::error::SysError;
use crate::procfs::namespace_inode;

/// The file system of namespaces (`include/uapi/linux/magic.h`).
const NSFS_MAGIC: u32 = 0x6e73_6673;

/// A network namespace, held open.
#[derive(Debug)]
pub struct Netns {
    inode: u64,
    /// None for the namespace ayt itself runs in.
    file: Option<File>,
}

impl Netns {
    /// The namespace ayt runs in.
    ///
    /// # Errors
    /// When /proc is not there.
    pub fn own() -> Result<Self, SysError> {
        let link = "/proc/thread-self/ns/net";
        let target = std::fs::read_link(link)
            .map_err(|error| SysError::call(format!("read {link}"), error))?;
        let inode = namespace_inode(target.as_os_str().as_encoded_bytes()).ok_or_else(|| {
            SysError::Malformed {
                operation: "read /proc/thread-self/ns/net",
                detail: format!("{} is no namespace", target.display()),
            }
        })?;
        Ok(Self { inode, file: None })
    }

    /// The namespace of a process.
    ///
    /// # Errors
    /// When the process is gone or not ours to look at.
    pub fn of_process(pid: u32) -> Result<Self, SysError> {
        Self::at(Path::new(&format!("/proc/{pid}/ns/net")))
    }

    /// The namespace bound to a file, such as /run/netns/NAME.
    ///
    /// # Errors
    /// When the file is not there or not ours to open; [`SysError::Malformed`]
    /// when it is no namespace: what is left under /run/netns of a name whose
    /// mount has gone, or lies in another mount namespace.
    pub fn at(path: &Path) -> Result<Self, SysError> {
        let call = |error| SysError::call(format!("open {}", path.display()), error);
        let file = File::open(path).map_err(call)?;
        let kind = rustix::fs::fstatfs(&file).map_err(|error| call(error.into()))?;
        if i128::from(kind.f_type) != i128::from(NSFS_MAGIC) {
            return Err(SysError::Malformed {
                operation: "open a network namespace",
                detail: format!("{} is none", path.display()),
            });
        }
        let inode = rustix::fs::fstat(&file)
            .map_err(|error| call(error.into()))?
            .st_ino;
        Ok(Self {
            inode,
            file: Some(file),
        })
    }

    /// Its inode number: its name in the kernel.
    #[must_use]
    pub const fn inode(&self) -> u64 {
        self.inode
    }

    /// The descriptor that holds it open.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Runs `work` on a thread inside the namespace. What it opens stays there.
    ///
    /// # Errors
    /// When the namespace cannot be entered (CAP_SYS_ADMIN over it is needed).
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, SysError> {
        let Some(file) = &self.file else {
            return Ok(work());
        };
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                        .map_err(|error| {
                            let operation = format!("enter network namespace {}", self.inode);
                            SysError::call(operation, error)
                        })?;
                    Ok(work())
                })
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}
