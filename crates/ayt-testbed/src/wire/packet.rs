//! A packet as the wire saw it.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::control::Direction;

/// One recorded packet: when, which way, what it was, what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// When the wire took it (or made it).
    pub seen: Instant,
    /// Which way it goes.
    pub direction: Direction,
    /// Who made it.
    pub origin: Origin,
    /// What became of it.
    pub fate: Fate,
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Length in bytes, IP header included.
    pub length: usize,
    /// What it carries.
    pub transport: Transport,
}

/// Who made a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The kernel at one end.
    Host,
    /// The wire itself: an ICMP answer or a RST.
    Wire,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Still under way.
    UnderWay,
    /// Handed to the other kernel.
    Delivered(Instant),
    /// Lost.
    Lost(Lost),
}

/// Why a packet was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The wire is cut.
    Cut,
    /// The predicate of `drop_if` picked it.
    Picked,
    /// The router answered with ICMP.
    Unreachable,
    /// The middlebox answered with RST, or would have to something of TCP.
    Reset,
    /// The device at the other end is down or gone.
    NoDevice,
}

/// What the IP packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A TCP segment.
    Tcp(Tcp),
    /// A UDP datagram.
    Udp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP or ICMPv6.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// Anything else, or what could not be read.
    Other,
}

/// The part of a TCP header that tests ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Window as on the wire, unscaled.
    pub window: u16,
    /// Bytes of data.
    pub payload: usize,
}

/// TCP flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are the flags")]
pub struct TcpFlags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
    pub psh: bool,
}

impl Packet {
    /// The TCP header, if it has one.
    #[must_use]
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    /// A TCP segment with these flags (or more).
    #[must_use]
    pub fn has(&self, pick: impl Fn(&TcpFlags) -> bool) -> bool {
        self.tcp().is_some_and(|tcp| pick(&tcp.flags))
    }

    /// A TCP FIN.
    #[must_use]
    pub fn is_fin(&self) -> bool {
        self.has(|flags| flags.fin)
    }

    /// A TCP RST.
    #[must_use]
    pub fn is_rst(&self) -> bool {
        self.has(|flags| flags.rst)
    }

    /// When it was handed to the other kernel, if it was.
    #[must_use]
    pub fn delivered(&self) -> Option<Instant> {
        match self.fate {
            Fate::Delivered(at) => Some(at),
            Fate::UnderWay | Fate::Lost(_) => None,
        }
    }

    /// The TCP or UDP endpoints: source, destination.
    #[must_use]
    pub fn endpoints(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (from, to) = match self.transport {
            Transport::Tcp(tcp) => (tcp.source, tcp.destination),
            Transport::Udp {
                source,
                destination,
            } => (source, destination),
            Transport::Icmp { .. } | Transport::Other => return None,
        };
        Some((
            SocketAddr::new(self.source, from),
            SocketAddr::new(self.destination, to),
        ))
    }

    /// Reads an IP packet; `None` when it is not one.
    pub(super) fn parse(
        bytes: &[u8],
        direction: Direction,
        origin: Origin,
        seen: Instant,
    ) -> Option<Self> {
        let sliced = LaxSlicedPacket::from_ip(bytes).ok()?;
        let (source, destination, ttl) = match sliced.net.as_ref()? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                let [from, to] = [header.source_addr(), header.destination_addr()];
                (from.into(), to.into(), header.ttl())
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let [from, to] = [header.source_addr(), header.destination_addr()];
                (from.into(), to.into(), header.hop_limit())
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let transport = sliced
            .transport
            .as_ref()
            .map_or(Transport::Other, transport);
        let (length, fate) = (bytes.len(), Fate::UnderWay);
        Some(Self {
            seen,
            direction,
            origin,
            fate,
            source,
            destination,
            ttl,
            length,
            transport,
        })
    }
}

fn transport(slice: &TransportSlice<'_>) -> Transport {
    match slice {
        TransportSlice::Tcp(tcp) => Transport::Tcp(Tcp {
            source: tcp.source_port(),
            destination: tcp.destination_port(),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: TcpFlags {
                syn: tcp.syn(),
                ack: tcp.ack(),
                fin: tcp.fin(),
                rst: tcp.rst(),
                psh: tcp.psh(),
            },
            window: tcp.window_size(),
            payload: tcp.payload().len(),
        }),
        TransportSlice::Udp(udp) => Transport::Udp {
            source: udp.source_port(),
            destination: udp.destination_port(),
        },
        TransportSlice::Icmpv4(icmp) => Transport::Icmp {
            kind: icmp.type_u8(),
            code: icmp.code_u8(),
        },
        TransportSlice::Icmpv6(icmp) => Transport::Icmp {
            kind: icmp.type_u8(),
            code: icmp.code_u8(),
        },
        _ => Transport::Other,
    }
}
