//! TCP options that hold an `int` and have no safe wrapper.
#![expect(unsafe_code, reason = "raw getsockopt and setsockopt calls")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use libc::{c_int, socklen_t};

const SIZE: socklen_t = size_of::<c_int>() as socklen_t;

/// An option that counts seconds.
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
pub(super) fn seconds(fd: BorrowedFd<'_>, option: c_int) -> io::Result<Duration> {
    get(fd, option).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Sets an option that counts seconds.
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
pub(super) fn set_seconds(fd: BorrowedFd<'_>, option: c_int, time: Duration) -> io::Result<()> {
    set(fd, option, u128::from(time.as_secs()))
}

/// An option that counts milliseconds.
#[cfg(any(target_os = "dragonfly", target_os = "illumos"))]
pub(super) fn milliseconds(fd: BorrowedFd<'_>, option: c_int) -> io::Result<Duration> {
    get(fd, option).map(|ms| Duration::from_millis(ms.into()))
}

/// Sets an option that counts milliseconds.
#[cfg(any(target_os = "dragonfly", target_os = "illumos"))]
pub(super) fn set_milliseconds(
    fd: BorrowedFd<'_>,
    option: c_int,
    time: Duration,
) -> io::Result<()> {
    set(fd, option, time.as_millis())
}

fn get(fd: BorrowedFd<'_>, option: c_int) -> io::Result<u32> {
    let mut value: c_int = 0;
    let mut length = SIZE;
    // SAFETY: the kernel writes at most `length` bytes to `value`, which is that
    // large and exclusively borrowed, and the number written to `length`.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    check(result)?;
    u32::try_from(value).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn set(fd: BorrowedFd<'_>, option: c_int, number: u128) -> io::Result<()> {
    let value = c_int::try_from(number).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads `SIZE` bytes from `value`, which is that large and
    // lives until the call returns.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            SIZE,
        )
    };
    check(result)
}

fn check(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
