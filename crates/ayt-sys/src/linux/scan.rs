//! One pass over /proc: who holds which socket, and which network namespaces
//! there are.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::num::NonZero;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ayt_core::facts::Owner;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, openat, readlinkat_raw, statat};
use rustix::io::Errno;

use crate::error::SysError;
use crate::procfs::{ProcScan, decimal, namespace_inode, socket_inode};

/// Threads that read processes, at most. The kernel's share of the work is
/// nearly all of it, and processes do not stand in each other's way there.
const READERS: usize = 4;

/// Reads the descriptors of all processes that may be looked at.
///
/// # Errors
/// When /proc itself cannot be read.
pub fn scan_proc() -> Result<ProcScan, SysError> {
    let proc = open_dir(CWD, c"/proc").map_err(|error| SysError::call("open /proc", error))?;
    let pids = processes(proc.as_fd())?;
    let mut scan = read_all(proc.as_fd(), &pids)?;
    // A child that was forked meanwhile may hold what its parent gave up.
    let again = open_dir(CWD, c"/proc").map_err(|error| SysError::call("open /proc", error))?;
    let mut born = processes(again.as_fd())?;
    born.retain(|pid| pids.binary_search(pid).is_err());
    if !born.is_empty() {
        merge(&mut scan, read_all(proc.as_fd(), &born)?);
    }
    Ok(scan)
}

/// Reads these processes, with several threads where there are cores for them.
fn read_all(proc: BorrowedFd<'_>, pids: &[u32]) -> Result<ProcScan, SysError> {
    let readers = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let read = || read_some(proc, pids, &next);
    thread::scope(|scope| {
        let others: Vec<_> = (1..readers.min(READERS).min(pids.len()))
            .map(|_| scope.spawn(read))
            .collect();
        let mut scan = read()?;
        for other in others {
            let part = other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            merge(&mut scan, part);
        }
        Ok(scan)
    })
}

/// The numbers of all processes, in order.
fn processes(proc: BorrowedFd<'_>) -> Result<Vec<u32>, SysError> {
    let mut buffer = Buffer::new();
    let mut entries = RawDir::new(proc, &mut buffer.0[..]);
    let mut pids = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|error| SysError::call("list /proc", error))?;
        pids.extend(number(entry.file_name()));
    }
    if pids.is_empty() {
        return Err(SysError::Malformed {
            operation: "list /proc",
            detail: "it shows no process: is it mounted?".to_owned(),
        });
    }
    pids.sort_unstable();
    Ok(pids)
}

/// Reads processes, one after another, that no other thread has taken.
fn read_some(proc: BorrowedFd<'_>, pids: &[u32], next: &AtomicUsize) -> Result<ProcScan, SysError> {
    let mut scan = ProcScan::default();
    let mut buffer = Buffer::new();
    while let Some(&pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
        match read_process(proc, pid, &mut buffer, &mut scan) {
            Ok(()) | Err(Errno::NOENT | Errno::SRCH) => {}
            Err(Errno::ACCESS | Errno::PERM) => scan.hidden.push(pid),
            Err(error) => {
                return Err(SysError::call(format!("list /proc/{pid}/fd"), error));
            }
        }
        match read_link(proc, &path(pid, "/ns/net"), namespace_inode) {
            Ok(Some(inode)) => scan.namespaces.entry(inode).or_default().push(pid),
            Ok(None) | Err(Errno::NOENT | Errno::SRCH) => {}
            Err(_) => scan.namespaces_hidden += 1,
        }
    }
    Ok(scan)
}

/// Adds what another thread read. Processes come in no order.
fn merge(scan: &mut ProcScan, part: ProcScan) {
    scan.owners.extend(part.owners);
    scan.descriptors.extend(part.descriptors);
    scan.hidden.extend(part.hidden);
    scan.hidden.sort_unstable();
    for (inode, pids) in part.namespaces {
        let all = scan.namespaces.entry(inode).or_default();
        all.extend(pids);
        all.sort_unstable();
    }
    scan.namespaces_hidden += part.namespaces_hidden;
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
        match read_link(directory.as_fd(), entry.file_name(), socket_inode) {
            Ok(Some(inode)) => {
                scan.owners.push(Owner { inode, pid, fd });
                sockets += 1;
            }
            // The folder asks for the user only, a link for the right to trace,
            // which nobody has over a process that has just ended.
            Err(error @ (Errno::ACCESS | Errno::PERM)) => {
                statat(proc, path(pid, "").as_c_str(), AtFlags::empty())?;
                return Err(error);
            }
            Ok(None) | Err(_) => {}
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
