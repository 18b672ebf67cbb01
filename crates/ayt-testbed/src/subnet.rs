//! Addresses for a pair of hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};

/// Which end of a [`Wire`](crate::Wire) or [`Veth`](crate::Veth).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first namespace.
    A,
    /// The second namespace.
    B,
}

impl Side {
    /// The side across.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// The addresses of one link: an IPv4 /29 out of 10.0.0.0/8 and an IPv6 /64 out
/// of fd00::/16, no two alike in one process, so that one namespace may have
/// several links. The third host address is the router that answers with ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    number: u32,
}

impl Subnet {
    pub(crate) const V4_PREFIX: u8 = 29;
    pub(crate) const V6_PREFIX: u8 = 64;

    pub(crate) fn unique() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// A number no other link of this process has: part of device names.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    /// The IPv4 address of a side.
    #[must_use]
    pub fn v4(self, side: Side) -> Ipv4Addr {
        self.v4_host(side.index() as u32 + 1)
    }

    /// The IPv6 address of a side.
    #[must_use]
    pub fn v6(self, side: Side) -> Ipv6Addr {
        self.v6_host(side.index() as u16 + 1)
    }

    /// Where ICMP answers come from, in the family of `like`.
    #[must_use]
    pub fn router(self, like: IpAddr) -> IpAddr {
        match like {
            IpAddr::V4(_) => self.v4_host(3).into(),
            IpAddr::V6(_) => self.v6_host(3).into(),
        }
    }

    fn v4_host(self, host: u32) -> Ipv4Addr {
        // 10.64.0.0 leaves the low part of 10/8 to whoever runs the machine.
        let base = u32::from(Ipv4Addr::new(10, 64, 0, 0));
        Ipv4Addr::from(base + (self.number % (1 << 19)) * 8 + host)
    }

    fn v6_host(self, host: u16) -> Ipv6Addr {
        let [high, low] = [(self.number >> 16) as u16, self.number as u16];
        Ipv6Addr::new(0xfd00, 0xa77, high, low, 0, 0, 0, host)
    }
}
