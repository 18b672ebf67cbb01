//! The receive ring of a packet socket: memory shared with the kernel
//! (`TPACKET_V2`, `Documentation/networking/packet_mmap.rst`).
//!
//! A ring, not `recvmmsg`: its room is its own and not that of the socket's
//! receive buffer, which without CAP_NET_ADMIN over the whole host holds about
//! ninety packets, fewer than one burst of TCP.
#![expect(unsafe_code, reason = "memory shared with the kernel")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PACKET_RX_RING: libc::c_int = 5;
const PACKET_VERSION: libc::c_int = 10;
const TPACKET_V2: libc::c_int = 1;
const STATUS_KERNEL: u32 = 0;
const STATUS_USER: u32 = 1;

/// Bytes of a frame: 80 of the kernel's own and a packet of up to 1,968.
const FRAME: usize = 2048;
/// Bytes of a block: physically contiguous, so not too large.
const BLOCK: usize = 64 * 1024;
const BLOCKS: usize = 128;
/// Packets that wait at most: 41 ms of 100,000 a second.
const FRAMES: usize = BLOCKS * (BLOCK / FRAME);
const LENGTH: usize = BLOCKS * BLOCK;

/// `struct tpacket_req`.
#[repr(C)]
struct Request {
    block_size: u32,
    block_count: u32,
    frame_size: u32,
    frame_count: u32,
}

/// What follows the status in `struct tpacket2_hdr`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    length: u32,
    captured: u32,
    mac: u16,
    network: u16,
    seconds: u32,
    nanoseconds: u32,
}

/// A packet in the ring.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The packet, from its IP header on.
    pub bytes: &'a [u8],
    /// How long it was; more than `bytes` where it did not fit.
    pub length: usize,
    /// When the kernel took it, since 1970 (CLOCK_REALTIME).
    pub time: Duration,
}

/// The ring of one socket.
#[derive(Debug)]
pub(super) struct Ring {
    start: NonNull<u8>,
    next: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and only the
// owner of the `Ring` touches it.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives a packet socket that is not bound yet its ring.
    pub(super) fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        super::port::set_option(socket, PACKET_VERSION, &TPACKET_V2.to_ne_bytes())?;
        let request = Request {
            block_size: BLOCK as u32,
            block_count: BLOCKS as u32,
            frame_size: FRAME as u32,
            frame_count: FRAMES as u32,
        };
        let mut bytes = Vec::with_capacity(16);
        for field in [
            request.block_size,
            request.block_count,
            request.frame_size,
            request.frame_count,
        ] {
            bytes.extend(field.to_ne_bytes());
        }
        super::port::set_option(socket, PACKET_RX_RING, &bytes)?;
        // SAFETY: a new shared mapping of the ring that the socket has just been
        // given, of exactly its length, at an address of the kernel's choice.
        let mapped = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                LENGTH,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(mapped.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, next: 0 })
    }

    /// Takes the next packet, if there is one.
    pub(super) fn take<T>(&mut self, sink: impl FnOnce(Arrival<'_>) -> T) -> Option<T> {
        let at = self.next * FRAME;
        // SAFETY: `next` is below FRAMES, so the frame lies inside the mapping,
        // which lives as long as `self`.
        let frame = unsafe { self.start.add(at) };
        // SAFETY: the frame begins with the status, aligned to FRAME bytes; the
        // kernel and we touch it atomically only.
        let status = unsafe { AtomicU32::from_ptr(frame.as_ptr().cast()) };
        if status.load(Ordering::Acquire) & STATUS_USER == 0 {
            return None;
        }
        // SAFETY: four bytes in, inside the frame.
        let header = unsafe { frame.add(4) };
        // SAFETY: while the status says USER the frame is ours and the kernel
        // writes nothing to it; the header lies inside it and is aligned to 4.
        let header = unsafe { header.cast::<Header>().read() };
        let offset = usize::from(header.network).min(FRAME);
        let held = (header.captured as usize).min(FRAME - offset);
        // SAFETY: `offset` is at most FRAME, so this stays within the mapping.
        let data = unsafe { frame.add(offset) };
        // SAFETY: `offset + held` is at most FRAME: inside the frame, which is ours
        // and unchanged until the status is given back after the last use.
        let bytes = unsafe { std::slice::from_raw_parts(data.as_ptr(), held) };
        let done = sink(Arrival {
            bytes,
            length: header.length as usize,
            time: Duration::new(
                u64::from(header.seconds),
                header.nanoseconds.min(999_999_999),
            ),
        });
        status.store(STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % FRAMES;
        Some(done)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `new`; no reference into it is left,
        // for `take` lends them only for the time of its call.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), LENGTH) };
    }
}
