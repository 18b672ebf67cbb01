//! One pass over /proc: who holds which socket, and which network namespaces
//! there are.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use ayt_core::facts::Owner;
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::io::Errno;

use crate::error::SysError;
use crate::procfs::{ProcScan, decimal, namespace_inode, socket_inode};

/// Reads the descriptors of all processes that may be looked at.
///
/// # Errors
/// When /proc itself cannot be read.
pub fn scan_proc() -> Result<ProcScan, SysError> {
    let proc = open_dir(CWD, c"/proc").map_err(|error| SysError::call("open /proc", error))?;
    let mut scan = ProcScan::default();
    let mut namespaces: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut names = Buffer::new();
    let mut descriptors = Buffer::new();
    let mut entries = RawDir::new(proc.as_fd(), &mut names.0[..]);
    let mut processes = 0u32;
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|error| SysError::call("list /proc", error))?;
        let Some(pid) = number(entry.file_name()) else {
            continue;
        };
        processes += 1;
        match read_process(proc.as_fd(), pid, &mut descriptors, &mut scan) {
            Ok(()) | Err(Errno::NOENT | Errno::SRCH) => {}
            Err(Errno::ACCESS | Errno::PERM) => scan.hidden.push(pid),
            Err(error) => {
                return Err(SysError::call(format!("list /proc/{pid}/fd"), error));
            }
        }
        match read_link(proc.as_fd(), &path(pid, "/ns/net"), namespace_inode) {
            Ok(Some(inode)) => namespaces.entry(inode).or_default().push(pid),
            Ok(None) | Err(Errno::NOENT | Errno::SRCH) => {}
            Err(_) => scan.namespaces_hidden += 1,
        }
    }
    if processes == 0 {
        return Err(SysError::Malformed {
            operation: "list /proc",
            detail: "it shows no process: is it mounted?".to_owned(),
        });
    }
    scan.namespaces = namespaces;
    Ok(scan)
}

fn read_process(
    proc: BorrowedFd<'_>,
    pid: u32,
    buffer: &mut Buffer,
    scan: &mut ProcScan,
) -> Result<(), Errno> {
    let directory = open_dir(proc, path(pid, "/fd").as_c_str())?;
    let mut entries = RawDir::new(directory.as_fd(), &mut buffer.0[..]);
    let (mut descriptors, mut sockets) = (0u32, 0u32);
    while let Some(entry) = entries.next() {
        // A process that ends while it is read has no more entries.
        let Ok(entry) = entry else { break };
        let Some(fd) = number(entry.file_name()) else {
            continue;
        };
        descriptors += 1;
        if let Ok(Some(inode)) = read_link(directory.as_fd(), entry.file_name(), socket_inode) {
            scan.owners.push(Owner { inode, pid, fd });
            sockets += 1;
        }
    }
    if sockets > 0 {
        scan.descriptors.insert(pid, descriptors);
    }
    Ok(())
}

fn open_dir(at: BorrowedFd<'_>, path: &CStr) -> Result<std::os::fd::OwnedFd, Errno> {
    openat(
        at,
        path,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

#[inline]
fn read_link<T>(
    at: BorrowedFd<'_>,
    name: &CStr,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, Errno> {
    // The longest link of interest is `socket:[4294967295]`; a longer one is
    // cut and then simply none of these.
    let mut buffer = [MaybeUninit::<u8>::uninit(); 40];
    let (target, _) = readlinkat_raw(at, name, &mut buffer)?;
    Ok(parse(target))
}

#[inline]
fn number(name: &CStr) -> Option<u32> {
    decimal(name.to_bytes()).and_then(|number| u32::try_from(number).ok())
}

fn path(pid: u32, rest: &str) -> std::ffi::CString {
    std::ffi::CString::new(format!("{pid}{rest}")).unwrap_or_default()
}

/// Room for directory entries.
struct Buffer(Box<[MaybeUninit<u8>]>);

impl Buffer {
    fn new() -> Self {
        Self(Box::new_uninit_slice(32 * 1024))
    }
}
