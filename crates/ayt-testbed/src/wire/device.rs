//! One end of the wire: a TUN device inside a namespace.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::{Ns, Side, Subnet};

/// A TUN device; the kernel removes it when this is dropped.
pub(super) struct Device {
    tun: SyncDevice,
}

impl Device {
    pub(super) fn name(subnet: Subnet) -> String {
        format!("wire{}", subnet.number())
    }

    pub(super) fn new(ns: &Ns, side: Side, subnet: Subnet) -> Result<Self> {
        let name = Self::name(subnet);
        // The device belongs to the namespace of the thread that makes it.
        let tun = ns
            .run(|| DeviceBuilder::new().name(&name).build_sync())
            .with_context(|| format!("making the TUN device {name}"))?;
        tun.set_nonblocking(true)
            .context("making a TUN device non-blocking")?;
        // A link-local address would talk by itself (router solicitations) and
        // spoil counts; a long queue keeps bursts until the pump comes round.
        ns.ip_batch(&format!(
            "link set {name} mtu 1500 txqueuelen 10000 addrgenmode none\n\
             addr add {}/{} dev {name}\n\
             link set {name} up\n\
             addr add {}/{} dev {name} nodad\n",
            subnet.v4(side),
            Subnet::V4_PREFIX,
            subnet.v6(side),
            Subnet::V6_PREFIX,
        ))?;
        Ok(Self { tun })
    }

    /// Takes one packet, or WouldBlock.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tun.recv(buffer)
    }

    /// Hands one packet to the namespace's kernel.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.tun.send(packet).map(drop)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tun.as_fd()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Device")
    }
}
