//! The socket options for which there is no safe wrapper: `TCP_INFO`,
//! `TCP_REPAIR`, `SO_MEMINFO`, `SO_ATTACH_FILTER`, `SO_TIMESTAMPNS` and
//! `SO_BINDTOIFINDEX` (tcp(7), socket(7)).
#![expect(unsafe_code, reason = "raw getsockopt and setsockopt calls")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Reads `TCP_INFO` into `buffer`; returns the length this kernel has.
pub(super) fn tcp_info<'b>(fd: BorrowedFd<'_>, buffer: &'b mut [u8; 280]) -> io::Result<&'b [u8]> {
    let length = get(fd, libc::IPPROTO_TCP, libc::TCP_INFO, buffer)?;
    Ok(&buffer[..length])
}

/// Reads `TCP_REPAIR`: 1 while the socket is being checkpointed.
pub(super) fn repair(fd: BorrowedFd<'_>) -> io::Result<i32> {
    let mut buffer = [0u8; 4];
    get(fd, libc::IPPROTO_TCP, libc::TCP_REPAIR, &mut buffer)?;
    Ok(i32::from_ne_bytes(buffer))
}

/// Sets `TCP_REPAIR` to off (`TCP_REPAIR_OFF`, 0).
pub(super) fn set_repair_off(fd: BorrowedFd<'_>) -> io::Result<()> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_REPAIR, &0i32.to_ne_bytes())
}

/// What a socket of our own has dropped for want of room: the last of the nine
/// numbers of `SO_MEMINFO` (`SK_MEMINFO_DROPS`, Linux 4.12).
pub(super) fn drops(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut buffer = [0u8; 36];
    let length = get(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut buffer)?;
    match buffer[..length].get(32..36) {
        Some(&[a, b, c, d]) => Ok(u32::from_ne_bytes([a, b, c, d])),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Has the kernel's times told with what is received (`SO_TIMESTAMPNS`).
pub(super) fn set_timestamps(fd: BorrowedFd<'_>) -> io::Result<()> {
    let on = 1i32.to_ne_bytes();
    set(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &on)
}

/// Binds a socket of our own to an interface, by its index; 0 takes it back
/// (`SO_BINDTOIFINDEX`, Linux 5.1).
pub(super) fn bind_to_interface(fd: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    let interface = interface.to_ne_bytes();
    set(fd, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, &interface)
}

/// Attaches a classic BPF program to a socket of our own.
pub(super) fn attach_filter(fd: BorrowedFd<'_>, program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let mut program = program.to_vec();
    let described = libc::sock_fprog {
        len: length,
        filter: program.as_mut_ptr(),
    };
    let size = size_of::<libc::sock_fprog>();
    // SAFETY: `described` is a valid sock_fprog of `size` bytes whose `filter`
    // points to `len` instructions; both live until the call returns, and the
    // kernel copies them.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const described).cast(),
            size as libc::socklen_t,
        )
    };
    check(result)
}

fn get(fd: BorrowedFd<'_>, level: i32, option: i32, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(buffer.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes into `buffer`, which is
    // that long and exclusively borrowed, and the number written to `length`.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            option,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    check(result)?;
    Ok((length as usize).min(buffer.len()))
}

fn set(fd: BorrowedFd<'_>, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel reads `length` bytes from `value`, which is that long.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value.as_ptr().cast(), length) };
    check(result)
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
