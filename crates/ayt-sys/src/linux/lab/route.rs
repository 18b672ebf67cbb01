//! A `NETLINK_ROUTE` socket: the devices and addresses of one namespace.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use super::super::Netns;
use crate::error::SysError;
use crate::wire::netlink::{Message, messages};
use crate::wire::route::{self, Link, VethEnd};

/// A socket to the devices of one namespace; it stays there whoever uses it.
#[derive(Debug)]
pub struct RouteSocket {
    fd: OwnedFd,
    sequence: u32,
}

impl RouteSocket {
    /// Opens one in a namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        let fd = ns.enter(|| {
            socket_with(
                AddressFamily::NETLINK,
                SocketType::RAW,
                SocketFlags::CLOEXEC,
                // NETLINK_ROUTE is 0.
                None,
            )
        })?;
        let fd = fd.map_err(|error| SysError::call("open a NETLINK_ROUTE socket", error))?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Makes a veth pair, `here` in this namespace and `there` in another, and
    /// returns the number of `here`.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_ADMIN over both namespaces; `EOPNOTSUPP` where the
    /// kernel has no veth; `EEXIST` when a name is taken.
    pub fn new_veth(
        &mut self,
        here: &VethEnd<'_>,
        there: &VethEnd<'_>,
        namespace: &Netns,
        mtu: u32,
    ) -> Result<u32, SysError> {
        let own;
        let fd = match namespace.as_fd() {
            Some(fd) => fd.as_raw_fd(),
            None => {
                own = std::fs::File::open("/proc/thread-self/ns/net")
                    .map_err(|error| SysError::call("open /proc/thread-self/ns/net", error))?;
                own.as_raw_fd()
            }
        };
        let operation = format!("make the veth pair {} and {}", here.name, there.name);
        let sequence = self.next();
        // A descriptor is never negative.
        let request = route::new_veth(here, there, fd as u32, mtu, sequence);
        self.ask(&request, sequence, &operation, |_| ())?;
        self.index_of(here.name)
    }

    /// The number of the device of this name.
    ///
    /// # Errors
    /// `ENODEV` when there is none.
    pub fn index_of(&mut self, name: &str) -> Result<u32, SysError> {
        let found = self.links()?.into_iter().find(|link| link.name == name);
        found
            .map(|link| link.index)
            .ok_or_else(|| SysError::call(format!("find the network device {name}"), Errno::NODEV))
    }

    /// Every device of the namespace.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn links(&mut self) -> Result<Vec<Link>, SysError> {
        let sequence = self.next();
        let mut found = Vec::new();
        let request = route::list_links(sequence);
        self.ask(&request, sequence, "list network devices", |payload| {
            found.extend(route::link(payload));
        })?;
        Ok(found)
    }

    /// Sets a device up, without address resolution and without an address of the
    /// kernel's own choice. A kernel without IPv6 is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn up_without_arp(&mut self, index: u32) -> Result<(), SysError> {
        self.no_link_local(index)?;
        let sequence = self.next();
        let request = route::set_link(index, true, false, sequence);
        self.ask(&request, sequence, "set a network device up", |_| ())
    }

    /// Sets a device up or down.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_up(&mut self, index: u32, up: bool) -> Result<(), SysError> {
        if up {
            self.no_link_local(index)?;
        }
        let sequence = self.next();
        let operation = if up {
            "set a network device up"
        } else {
            "set a network device down"
        };
        self.ask(
            &route::set_up(index, up, sequence),
            sequence,
            operation,
            |_| (),
        )
    }

    /// Sets the loopback device up; it is number 1 in every namespace.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn loopback_up(&mut self) -> Result<(), SysError> {
        let sequence = self.next();
        let request = route::set_up(1, true, sequence);
        self.ask(&request, sequence, "set the loopback device up", |_| ())
    }

    /// Gives a device an address, usable at once.
    ///
    /// # Errors
    /// `EAFNOSUPPORT` or `EACCES` for IPv6 where the kernel has none or it is
    /// switched off.
    pub fn add_address(&mut self, index: u32, address: IpAddr, prefix: u8) -> Result<(), SysError> {
        let sequence = self.next();
        let request = route::new_address(index, address, prefix, sequence);
        let operation = format!("give a network device the address {address}/{prefix}");
        self.ask(&request, sequence, &operation, |_| ())
    }

    /// Removes a device, with the other end of its pair.
    ///
    /// # Errors
    /// `ENODEV` when it has gone.
    pub fn delete(&mut self, index: u32) -> Result<(), SysError> {
        let sequence = self.next();
        let request = route::delete_link(index, sequence);
        self.ask(&request, sequence, "remove a network device", |_| ())
    }

    fn no_link_local(&mut self, index: u32) -> Result<(), SysError> {
        let sequence = self.next();
        let request = route::no_link_local(index, sequence);
        let done = self.ask(
            &request,
            sequence,
            "switch link-local addresses off",
            |_| (),
        );
        match done {
            Err(error) if is_no_ipv6(&error) => Ok(()),
            other => other,
        }
    }

    fn next(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends a request and reads to its acknowledgement, or to the end of its dump.
    fn ask(
        &self,
        request: &[u8],
        sequence: u32,
        operation: &str,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), SysError> {
        let call = |error: Errno| SysError::call(operation, error);
        rustix::io::retry_on_intr(|| send(&self.fd, request, SendFlags::empty())).map_err(call)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (_, length) =
                rustix::io::retry_on_intr(|| recv(&self.fd, &mut buffer[..], RecvFlags::empty()))
                    .map_err(call)?;
            for message in messages(&buffer[..length.min(buffer.len())]) {
                let message: Message<'_> = message.map_err(|error| SysError::Malformed {
                    operation: "read an answer of rtnetlink",
                    detail: error.to_string(),
                })?;
                if message.sequence != sequence {
                    continue;
                }
                match message.errno() {
                    None => sink(message.payload),
                    Some(0) => return Ok(()),
                    Some(errno) => {
                        let error = io::Error::from_raw_os_error(errno);
                        return Err(SysError::call(operation, error));
                    }
                }
            }
        }
    }
}

/// The kernel, or the namespace, has no IPv6.
fn is_no_ipv6(error: &SysError) -> bool {
    matches!(
        error.errno(),
        Some(libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::EAGAIN)
    )
}
