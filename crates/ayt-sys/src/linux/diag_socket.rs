//! A `NETLINK_SOCK_DIAG` socket: dumps, look-ups and destruction (sock_diag(7)).

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt,
};

use super::Netns;
use crate::error::{NoSocket, SysError};
use crate::procfs::Seen;
use crate::wire::netlink::{DONE, ERROR, F_DUMP_INTR, Message, messages};
use crate::wire::request::{self, SocketName};

/// The kernel fills datagrams of a dump up to 32 KiB when the reader has shown
/// that much room (`netlink_dump`, `net/netlink/af_netlink.c`).
const ROOM: usize = 64 * 1024;

/// Look-ups per datagram: their answers must fit the receive buffer of 208 KiB,
/// at about 2.3 KiB each with the kernel's overhead.
const BATCH: usize = 48;

/// A socket to the kernel's table of sockets in one network namespace.
#[derive(Debug)]
pub struct DiagSocket {
    fd: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl DiagSocket {
    /// Opens one in a namespace; it stays there whoever uses it.
    ///
    /// # Errors
    /// When the namespace cannot be entered or the kernel has no sock_diag.
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        let fd = ns.enter(|| {
            socket_with(
                AddressFamily::NETLINK,
                SocketType::RAW,
                SocketFlags::CLOEXEC,
                Some(netlink::SOCK_DIAG),
            )
        })?;
        let fd = fd.map_err(|e| SysError::call("open a NETLINK_SOCK_DIAG socket", e))?;
        // A larger buffer only helps; without the right the default stays.
        let _ = sockopt::set_socket_recv_buffer_size_force(&fd, 4 << 20);
        Ok(Self {
            fd,
            buffer: vec![0; ROOM],
            sequence: 0,
        })
    }

    /// Lists the sockets of a family whose state is in `states` (the mask of
    /// [`request::state_mask`]) into `sink`, a message's payload each. Returns
    /// whether the table changed under the dump so that it may be incomplete.
    ///
    /// # Errors
    /// When the kernel refuses, or its answer overran the receive buffer.
    pub fn dump(
        &mut self,
        family: u8,
        states: u32,
        mut sink: impl FnMut(&[u8]) -> Result<(), SysError>,
    ) -> Result<Seen, SysError> {
        let sequence = self.next_sequence();
        let operation = "list sockets by sock_diag";
        self.send(&request::dump(family, states, sequence), operation)?;
        let mut seen = Seen::Whole;
        loop {
            let length = self.receive(operation)?;
            for message in messages(&self.buffer[..length]) {
                let message = malformed(operation, message)?;
                if message.sequence != sequence {
                    continue;
                }
                if message.flags & F_DUMP_INTR != 0 {
                    seen = Seen::Interrupted;
                }
                match message.errno() {
                    None => sink(message.payload)?,
                    Some(0) if message.kind == DONE => return Ok(seen),
                    Some(0) => {}
                    Some(errno) => {
                        return Err(SysError::call(
                            operation,
                            io::Error::from_raw_os_error(errno),
                        ));
                    }
                }
            }
        }
    }

    /// Looks up sockets by name. `sink` gets each name's index and its message,
    /// or the error number: `ENOENT` (2) when no socket has the addresses,
    /// `ESTALE` (116) when another one has them now.
    ///
    /// # Errors
    /// When the kernel cannot be asked at all.
    pub fn get_many(
        &mut self,
        names: &[SocketName],
        mut sink: impl FnMut(usize, Result<&[u8], NoSocket>),
    ) -> Result<(), SysError> {
        let operation = "look up sockets by sock_diag";
        for (chunk_at, chunk) in names.chunks(BATCH).enumerate() {
            let first = self.reserve_sequences(chunk.len());
            let mut requests = Vec::with_capacity(chunk.len() * request::LENGTH);
            for (at, name) in chunk.iter().enumerate() {
                requests.extend(request::get(name, first.wrapping_add(at as u32)));
            }
            self.send(&requests, operation)?;
            let mut left = chunk.len();
            while left > 0 {
                let length = self.receive(operation)?;
                for message in messages(&self.buffer[..length]) {
                    let message = malformed(operation, message)?;
                    let at = message.sequence.wrapping_sub(first) as usize;
                    if at >= chunk.len() {
                        continue;
                    }
                    let answer = match message.errno() {
                        None => Ok(message.payload),
                        Some(errno) => Err(NoSocket::from_errno(errno)),
                    };
                    sink(chunk_at * BATCH + at, answer);
                    left = left.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// Destroys one socket (`SOCK_DESTROY`, Linux 4.5, CAP_NET_ADMIN).
    ///
    /// # Errors
    /// `EPERM` without the right, `ENOENT` or `ESTALE` when it had gone,
    /// `EOPNOTSUPP` on a kernel built without it.
    pub fn destroy(&mut self, name: &SocketName) -> Result<(), SysError> {
        let sequence = self.next_sequence();
        let operation = format!("destroy {} → {}", name.local, name.remote);
        self.send(&request::destroy(name, sequence), &operation)?;
        loop {
            let length = self.receive(&operation)?;
            for message in messages(&self.buffer[..length]) {
                let message = malformed("destroy a socket", message)?;
                if message.sequence != sequence || message.kind != ERROR {
                    continue;
                }
                return match message.errno() {
                    None | Some(0) => Ok(()),
                    Some(errno) => Err(SysError::call(
                        operation,
                        io::Error::from_raw_os_error(errno),
                    )),
                };
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.reserve_sequences(1)
    }

    fn reserve_sequences(&mut self, count: usize) -> u32 {
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(count as u32);
        first
    }

    fn send(&self, bytes: &[u8], operation: &str) -> Result<(), SysError> {
        loop {
            match send(&self.fd, bytes, SendFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(SysError::call(operation, error)),
            }
        }
    }

    fn receive(&mut self, operation: &str) -> Result<usize, SysError> {
        loop {
            match recv(&self.fd, &mut self.buffer[..], RecvFlags::TRUNC) {
                Ok((_, whole)) if whole > self.buffer.len() => {
                    return Err(SysError::Malformed {
                        operation: "read a netlink datagram",
                        detail: format!("{whole} bytes, cut to {ROOM}"),
                    });
                }
                Ok((_, length)) => return Ok(length),
                Err(Errno::INTR) => {}
                Err(error) => return Err(SysError::call(operation, error)),
            }
        }
    }
}

fn malformed<'a>(
    operation: &'static str,
    message: Result<Message<'a>, crate::wire::Truncated>,
) -> Result<Message<'a>, SysError> {
    message.map_err(|error| SysError::Malformed {
        operation,
        detail: error.to_string(),
    })
}
