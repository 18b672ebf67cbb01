//! A packet socket (packet(7)): its binding, and receiving with the kernel's
//! timestamps, for which there is no safe wrapper.
#![expect(unsafe_code, reason = "raw bind, recvmsg and control messages")]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Room for one control message with a time.
const CONTROL: usize = 64;

/// Control messages, aligned as the kernel writes them.
#[repr(align(8))]
struct Control([u8; CONTROL]);

/// Binds a packet socket to all devices and protocols, outgoing packets
/// included: from now on it receives.
pub(super) fn bind_to_all(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: all zeroes is a valid sockaddr_ll: it has only integers.
    let mut address: libc::sockaddr_ll = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: `address` is a sockaddr_ll of the size given, and lives until the
    // call returns.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Receives one packet without waiting: its first bytes, and when the kernel saw
/// it, as an offset from the epoch. `WouldBlock` when there is none.
pub(super) fn receive<'b>(
    fd: BorrowedFd<'_>,
    buffer: &'b mut [u8],
) -> io::Result<(&'b [u8], Option<Duration>)> {
    let mut control = Control([0; CONTROL]);
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeroes is a valid msghdr: null pointers with zero lengths.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL as _;
    // SAFETY: `message` points to one buffer and one control buffer, with their
    // true lengths, both exclusively borrowed until the call returns.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let at = time(&message);
    Ok((&buffer[..length.min(buffer.len())], at))
}

/// The time among the control messages of a received message.
fn time(message: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the kernel has filled msg_control with msg_controllen bytes of
    // control messages; these macros stay within them.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: not null, so it points to a whole header within the buffer,
        // which is aligned for it.
        let header = unsafe { *next };
        let room = header.cmsg_len as usize;
        if header.cmsg_level == libc::SOL_SOCKET
            && header.cmsg_type == libc::SO_TIMESTAMPNS
            && room >= size_of::<libc::cmsghdr>() + size_of::<libc::timespec>()
        {
            // SAFETY: `next` is not null; the macro only adds to it.
            let data = unsafe { libc::CMSG_DATA(next) }.cast::<libc::timespec>();
            // SAFETY: the length just checked says that a timespec is there; it
            // is read whatever its alignment.
            let time: libc::timespec = unsafe { data.read_unaligned() };
            let seconds = u64::try_from(time.tv_sec).ok()?;
            let nanos = u32::try_from(time.tv_nsec).ok()?;
            return Some(Duration::new(seconds, nanos));
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    None
}
