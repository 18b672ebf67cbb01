//! A packet socket on one device: what arrives there, and what is put on it
//! (packet(7)).
#![expect(unsafe_code, reason = "packet sockets and sendmmsg")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::super::Netns;
pub use super::ring::Arrival;
use super::ring::Ring;
use crate::error::SysError;

const PACKET_STATISTICS: libc::c_int = 6;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// Packets handed to the kernel in one call.
const BATCH: usize = 64;
/// Room for what is on its way into the kernel; a packet leaves it at once.
const SEND_ROOM: libc::c_int = 4 << 20;

/// The far end of a veth pair, read and written packet by packet.
#[derive(Debug)]
pub struct PacketPort {
    // Before the socket: the mapping goes first.
    ring: Ring,
    socket: OwnedFd,
    index: i32,
    mac: [u8; 6],
}

impl PacketPort {
    /// Opens one on the device `index` of a namespace. What is sent goes to the
    /// hardware address `mac`.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_RAW over the namespace; `ENODEV` without the
    /// device; `ENOMEM` when there are no 8 MiB for the ring.
    pub fn open(ns: &Netns, index: u32, mac: [u8; 6]) -> Result<Self, SysError> {
        let index = i32::try_from(index)
            .map_err(|_| SysError::call("open a packet socket", rustix::io::Errno::NODEV))?;
        ns.enter(|| Self::open_here(index, mac))?.map_err(|error| {
            SysError::call(format!("open a packet socket on device {index}"), error)
        })
    }

    fn open_here(index: i32, mac: [u8; 6]) -> io::Result<Self> {
        // Without a protocol it hears nothing until it is bound to its device.
        // SAFETY: takes three numbers and returns a descriptor or -1.
        let fd = unsafe {
            libc::socket(
                libc::AF_PACKET,
                libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                0,
            )
        };
        check(fd)?;
        // SAFETY: the descriptor is new and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        set_option(socket.as_fd(), PACKET_IGNORE_OUTGOING, &1i32.to_ne_bytes())?;
        let ring = Ring::new(socket.as_fd())?;
        // A larger buffer only helps; without the right the default stays.
        let _ =
            rustix::net::sockopt::set_socket_send_buffer_size_force(&socket, SEND_ROOM as usize)
                .or_else(|_| {
                    rustix::net::sockopt::set_socket_send_buffer_size(&socket, SEND_ROOM as usize)
                });
        let address = address(index, libc::ETH_P_ALL as u16, mac);
        // SAFETY: `address` is a valid sockaddr_ll of the size given and lives
        // until the call returns.
        let result = unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        check(result)?;
        Ok(Self {
            ring,
            socket,
            index,
            mac,
        })
    }

    /// Takes the next packet that has arrived; `None` when there is none now.
    pub fn take<T>(&mut self, sink: impl FnOnce(Arrival<'_>) -> T) -> Option<T> {
        self.ring.take(sink)
    }

    /// Forgets an error that waits, such as that of a device that went down, so
    /// that it does not end every wait from now on.
    pub fn clear_error(&self) {
        let _ = rustix::net::sockopt::socket_error(&self.socket);
    }

    /// Packets that found no room in the ring since the last call: the machine
    /// was too busy to run the wire.
    #[must_use]
    pub fn overruns(&self) -> u32 {
        let mut counts = [0u32; 2];
        let mut length = size_of_val(&counts) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to `counts`, which is
        // that long and exclusively borrowed, and the number written to `length`.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                PACKET_STATISTICS,
                counts.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        if result == 0 { counts[1] } else { 0 }
    }

    /// Puts IP packets on the device, in order. `sent` is told of each whether
    /// the kernel took it.
    pub fn send<'a>(
        &self,
        packets: impl IntoIterator<Item = &'a [u8]>,
        mut sent: impl FnMut(usize, io::Result<()>),
    ) {
        let mut first = 0;
        let mut packets = packets.into_iter();
        let mut batch: Vec<&[u8]> = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            batch.extend(packets.by_ref().take(BATCH));
            if batch.is_empty() {
                return;
            }
            self.send_batch(&batch, |at, result| sent(first + at, result));
            first += batch.len();
        }
    }

    fn send_batch(&self, batch: &[&[u8]], mut sent: impl FnMut(usize, io::Result<()>)) {
        let mut addresses = [
            address(self.index, IPV4, self.mac),
            address(self.index, IPV6, self.mac),
        ];
        let [four, six] = &mut addresses;
        let (four, six): (*mut libc::sockaddr_ll, *mut libc::sockaddr_ll) = (four, six);
        let mut parts: Vec<libc::iovec> = batch
            .iter()
            .map(|bytes| libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            })
            .collect();
        let mut messages: Vec<libc::mmsghdr> = Vec::with_capacity(batch.len());
        for (part, bytes) in parts.iter_mut().zip(batch) {
            let is_six = bytes.first().is_some_and(|byte| byte >> 4 == 6);
            // SAFETY: all zeroes is a valid mmsghdr: null pointers with length 0.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_name = if is_six { six.cast() } else { four.cast() };
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            messages.push(message);
        }
        let mut at = 0;
        while at < messages.len() {
            let rest = &mut messages[at..];
            // SAFETY: `rest` are valid headers; the addresses, parts and packets
            // they point to live until the end of this function, and sending does
            // not write to them.
            let count = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(count) {
                Ok(count) if count > 0 => {
                    (at..at + count).for_each(|index| sent(index, Ok(())));
                    at += count;
                }
                _ => {
                    // The first of the rest was refused; the others have their turn.
                    let error = io::Error::last_os_error();
                    if error.kind() == io::ErrorKind::Interrupted {
                        continue;
                    }
                    sent(at, Err(error));
                    at += 1;
                }
            }
        }
    }
}

impl AsFd for PacketPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn address(index: i32, protocol: u16, mac: [u8; 6]) -> libc::sockaddr_ll {
    let mut hardware = [0; 8];
    hardware[..6].copy_from_slice(&mac);
    libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: hardware,
    }
}

pub(super) fn set_option(
    socket: BorrowedFd<'_>,
    option: libc::c_int,
    value: &[u8],
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel reads `length` bytes from `value`, which is that long.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            value.as_ptr().cast(),
            length,
        )
    };
    check(result)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
