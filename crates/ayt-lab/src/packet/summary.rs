//! What the headers of a packet say, in fixed room.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};

/// What a log keeps of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Length in bytes, IP header included.
    pub length: u32,
    /// What it carries.
    pub transport: Transport,
}

/// What an IP packet carries.
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
    /// ICMP, or ICMPv6 over IPv6.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// Anything else, a fragment, or what could not be read.
    Other,
}

/// A TCP header.
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
    pub flags: Flags,
    /// Window as on the wire, unscaled.
    pub window: u16,
    /// Bytes of data.
    pub payload: u32,
    /// The options that matter to who watches connections.
    pub options: Options,
}

/// TCP flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are the flags")]
pub struct Flags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
    pub psh: bool,
    pub urg: bool,
}

/// TCP options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale, as a power of two.
    pub scale: Option<u8>,
    /// Selective acknowledgements are understood.
    pub sack_permitted: bool,
    /// The first block of a selective acknowledgement.
    pub sack: Option<(u32, u32)>,
    /// Timestamp and its echo (RFC 7323).
    pub timestamp: Option<(u32, u32)>,
}

/// Who talks to whom, of TCP or UDP, as one packet names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// IP protocol number: 6 or 17.
    pub protocol: u8,
    /// The sender.
    pub source: SocketAddr,
    /// The receiver.
    pub destination: SocketAddr,
}

impl Flow {
    /// The same conversation as the other side names it.
    #[must_use]
    pub const fn back(self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
        }
    }
}

impl Summary {
    /// Reads an IPv4 or IPv6 packet; `None` for what is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let sliced = LaxSlicedPacket::from_ip(bytes).ok()?;
        let (source, destination, ttl) = match sliced.net.as_ref()? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                (
                    IpAddr::V4(header.source_addr()),
                    IpAddr::V4(header.destination_addr()),
                    header.ttl(),
                )
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                (
                    IpAddr::V6(header.source_addr()),
                    IpAddr::V6(header.destination_addr()),
                    header.hop_limit(),
                )
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let transport = match sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => Transport::Tcp(Tcp::of(&tcp)),
            Some(TransportSlice::Udp(udp)) => Transport::Udp {
                source: udp.source_port(),
                destination: udp.destination_port(),
            },
            Some(TransportSlice::Icmpv4(icmp)) => Transport::Icmp {
                kind: icmp.type_u8(),
                code: icmp.code_u8(),
            },
            Some(TransportSlice::Icmpv6(icmp)) => Transport::Icmp {
                kind: icmp.type_u8(),
                code: icmp.code_u8(),
            },
            _ => Transport::Other,
        };
        Some(Self {
            source,
            destination,
            ttl,
            length: u32::try_from(bytes.len()).ok()?,
            transport,
        })
    }

    /// The TCP header, if it has one.
    #[must_use]
    pub const fn tcp(&self) -> Option<&Tcp> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    /// Who talks to whom, if it is TCP or UDP.
    #[must_use]
    pub fn flow(&self) -> Option<Flow> {
        let (protocol, source, destination) = match self.transport {
            Transport::Tcp(tcp) => (6, tcp.source, tcp.destination),
            Transport::Udp {
                source,
                destination,
            } => (17, source, destination),
            Transport::Icmp { .. } | Transport::Other => return None,
        };
        Some(Flow {
            protocol,
            source: SocketAddr::new(self.source, source),
            destination: SocketAddr::new(self.destination, destination),
        })
    }

    /// What a kernel sends by itself when a timer of its own says so: neighbour and
    /// router discovery, reports of multicast groups (RFC 4861, 3810, 2236).
    #[must_use]
    pub fn is_housekeeping(&self) -> bool {
        let discovery = match (self.transport, self.source) {
            (Transport::Icmp { kind, .. }, IpAddr::V6(_)) => matches!(kind, 130..=137 | 143),
            _ => false,
        };
        discovery || self.destination.is_multicast()
    }

    /// An ICMP error, which is never answered with another.
    #[must_use]
    pub const fn is_icmp_error(&self) -> bool {
        match (self.transport, self.source) {
            (Transport::Icmp { kind, .. }, IpAddr::V4(_)) => matches!(kind, 3 | 4 | 5 | 11 | 12),
            (Transport::Icmp { kind, .. }, IpAddr::V6(_)) => kind < 128,
            _ => false,
        }
    }
}

impl Tcp {
    fn of(tcp: &TcpSlice<'_>) -> Self {
        let mut options = Options::default();
        // A malformed option ends the walk, as it does in a kernel.
        for option in tcp.options_iterator().map_while(Result::ok) {
            match option {
                TcpOptionElement::MaximumSegmentSize(mss) => options.mss = Some(mss),
                TcpOptionElement::WindowScale(scale) => options.scale = Some(scale),
                TcpOptionElement::SelectiveAcknowledgementPermitted => {
                    options.sack_permitted = true;
                }
                TcpOptionElement::SelectiveAcknowledgement(first, _) => options.sack = Some(first),
                TcpOptionElement::Timestamp(value, echo) => {
                    options.timestamp = Some((value, echo));
                }
                TcpOptionElement::Noop => {}
            }
        }
        Self {
            source: tcp.source_port(),
            destination: tcp.destination_port(),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: Flags {
                syn: tcp.syn(),
                ack: tcp.ack(),
                fin: tcp.fin(),
                rst: tcp.rst(),
                psh: tcp.psh(),
                urg: tcp.urg(),
            },
            window: tcp.window_size(),
            payload: u32::try_from(tcp.payload().len()).unwrap_or(u32::MAX),
            options,
        }
    }

    /// The sequence number after this segment: SYN and FIN count one each.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.seq
            .wrapping_add(self.payload)
            .wrapping_add(self.flags.syn as u32)
            .wrapping_add(self.flags.fin as u32)
    }

    /// An acknowledgement and nothing else.
    #[must_use]
    pub const fn is_pure_ack(&self) -> bool {
        let flags = self.flags;
        flags.ack && !flags.syn && !flags.fin && !flags.rst && self.payload == 0
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (self.syn, 'S'),
            (self.fin, 'F'),
            (self.rst, 'R'),
            (self.psh, 'P'),
            (self.urg, 'U'),
            (self.ack, '.'),
        ];
        letters
            .iter()
            .filter(|(on, _)| *on)
            .try_for_each(|(_, letter)| write!(out, "{letter}"))
    }
}

/// As tcpdump writes it.
impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.flow(), self.transport) {
            (Some(flow), Transport::Tcp(tcp)) => write!(
                out,
                "{} > {} [{}] seq {} ack {} win {} len {}",
                flow.source, flow.destination, tcp.flags, tcp.seq, tcp.ack, tcp.window, tcp.payload
            ),
            (Some(flow), _) => write!(out, "{} > {} UDP", flow.source, flow.destination),
            (None, Transport::Icmp { kind, code }) => write!(
                out,
                "{} > {} ICMP type {kind} code {code}",
                self.source, self.destination
            ),
            (None, _) => write!(
                out,
                "{} > {} {} bytes",
                self.source, self.destination, self.length
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::segment_ack;
    use super::super::{Direction, Packet};
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn a_segment_is_read() {
        let bytes = segment_ack(Direction::BtoA, "F.", 7, 9, b"abc");
        let summary = Summary::parse(&bytes).unwrap();
        assert_eq!(
            summary.to_string(),
            "10.77.0.2:2000 > 10.77.0.1:1000 [F.] seq 7 ack 9 win 1000 len 3"
        );
        assert_eq!(summary.tcp().unwrap().end(), 11);
        let flow = summary.flow().unwrap();
        assert_eq!(flow.back().back(), flow);
    }

    #[test]
    fn options_are_read() {
        let elements = [
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(5, 6),
            TcpOptionElement::WindowScale(7),
        ];
        let mut bytes = Vec::new();
        etherparse::PacketBuilder::ipv4([1; 4], [2; 4], 9)
            .tcp(1, 2, 3, 4)
            .syn()
            .options(&elements)
            .unwrap()
            .write(&mut bytes, &[])
            .unwrap();
        let options = Summary::parse(&bytes).unwrap().tcp().unwrap().options;
        assert_eq!(options.mss, Some(1460));
        assert_eq!(options.scale, Some(7));
        assert_eq!(options.timestamp, Some((5, 6)));
        assert!(options.sack_permitted);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Packet::parse(bytes, Direction::AtoB, Duration::ZERO);
        }

        #[test]
        fn a_cut_segment_is_still_total(cut in 0usize..43) {
            let bytes = segment_ack(Direction::AtoB, "S.", 1, 2, b"abc");
            let _ = Summary::parse(&bytes[..cut]);
        }
    }
}
