//! Address translation in a packet's bytes, with its checksums kept right
//! (RFC 1624 for the arithmetic, RFC 3022 and RFC 5508 for what is translated).

use std::net::{IpAddr, SocketAddr};

use super::Flow;

/// Which end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Source,
    Destination,
}

/// Gives a TCP or UDP packet another source or destination. Nothing is changed,
/// and false returned, where it is of another family or cut short.
pub(crate) fn address(bytes: &mut [u8], end: End, to: SocketAddr) -> bool {
    let Some(place) = Layout::of(bytes) else {
        return false;
    };
    let Some(checksum) = place.transport_checksum() else {
        return false;
    };
    let (at, length) = place.address(end);
    let new_ip = octets(to.ip());
    let port = place.port(end);
    if new_ip.len() != length || bytes.len() < checksum + 2 {
        return false;
    }
    // A UDP checksum of 0 means that there is none.
    let has_sum = place.protocol != UDP || bytes[checksum..checksum + 2] != [0, 0];
    let old_ip = bytes[at..at + length].to_vec();
    let old_port = bytes[port..port + 2].to_vec();
    bytes[at..at + length].copy_from_slice(&new_ip);
    bytes[port..port + 2].copy_from_slice(&to.port().to_be_bytes());
    if has_sum {
        adjust(bytes, checksum, &old_ip, &new_ip);
        adjust(bytes, checksum, &old_port, &to.port().to_be_bytes());
        if place.protocol == UDP && bytes[checksum..checksum + 2] == [0, 0] {
            bytes[checksum..checksum + 2].copy_from_slice(&[0xff, 0xff]);
        }
    }
    if place.is_four {
        adjust(bytes, 10, &old_ip, &new_ip);
    }
    true
}

/// The flow of the packet that an ICMP error quotes.
pub(crate) fn quoted(bytes: &[u8]) -> Option<Flow> {
    let outer = Layout::of(bytes)?;
    let inner = bytes.get(outer.transport + ICMP_HEADER..)?;
    let layout = Layout::of(inner)?;
    let ports = inner.get(layout.transport..layout.transport + 4)?;
    let ip = |end| {
        let (at, length) = layout.address(end);
        read_ip(inner.get(at..at + length)?)
    };
    (matches!(layout.protocol, TCP | UDP)).then_some(())?;
    Some(Flow {
        protocol: layout.protocol,
        source: SocketAddr::new(ip(End::Source)?, u16::from_be_bytes([ports[0], ports[1]])),
        destination: SocketAddr::new(
            ip(End::Destination)?,
            u16::from_be_bytes([ports[2], ports[3]]),
        ),
    })
}

/// Translates an ICMP error and what it quotes: the error goes to `to`, and the
/// quoted packet came from there. False where nothing could be changed.
pub(crate) fn error(bytes: &mut [u8], to: SocketAddr) -> bool {
    let Some(outer) = Layout::of(bytes) else {
        return false;
    };
    if quoted(bytes).is_none() {
        return false;
    }
    let new_ip = octets(to.ip());
    let (at, length) = outer.address(End::Destination);
    if new_ip.len() != length {
        return false;
    }
    let old_ip = bytes[at..at + length].to_vec();
    bytes[at..at + length].copy_from_slice(&new_ip);
    if outer.is_four {
        adjust(bytes, 10, &old_ip, &new_ip);
    }
    let icmp = outer.transport;
    let inner = &mut bytes[icmp + ICMP_HEADER..];
    let Some(layout) = Layout::of(inner) else {
        return false;
    };
    let (at, length) = layout.address(End::Source);
    let port = layout.port(End::Source);
    if new_ip.len() != length {
        return false;
    }
    let old = inner[at..at + length].to_vec();
    inner[at..at + length].copy_from_slice(&new_ip);
    inner[port..port + 2].copy_from_slice(&to.port().to_be_bytes());
    if layout.is_four {
        adjust(inner, 10, &old, &new_ip);
    }
    // The whole message anew: several of its words have changed.
    bytes[icmp + 2..icmp + 4].copy_from_slice(&[0, 0]);
    let mut sum = add(0, &bytes[icmp..]);
    if !outer.is_four {
        // ICMPv6 counts a pseudo header (RFC 4443 2.3).
        sum = add(sum, &bytes[8..40]);
        sum += (bytes.len() - icmp) as u32 + ICMPV6;
    }
    let sum = !fold(sum);
    bytes[icmp + 2..icmp + 4].copy_from_slice(&sum.to_be_bytes());
    true
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u32 = 58;
const ICMP_HEADER: usize = 8;

/// Where things are in an IP packet.
struct Layout {
    is_four: bool,
    protocol: u8,
    transport: usize,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Self> {
        let layout = match bytes.first()? >> 4 {
            4 => Self {
                is_four: true,
                protocol: *bytes.get(9)?,
                transport: usize::from(bytes[0] & 0x0f) * 4,
            },
            6 => Self {
                is_four: false,
                // Extension headers in front are not translated: no kernel here
                // sends them with TCP.
                protocol: *bytes.get(6)?,
                transport: 40,
            },
            _ => return None,
        };
        (layout.transport >= 20 && bytes.len() >= layout.transport + 8).then_some(layout)
    }

    const fn address(&self, end: End) -> (usize, usize) {
        match (self.is_four, end) {
            (true, End::Source) => (12, 4),
            (true, End::Destination) => (16, 4),
            (false, End::Source) => (8, 16),
            (false, End::Destination) => (24, 16),
        }
    }

    const fn port(&self, end: End) -> usize {
        match end {
            End::Source => self.transport,
            End::Destination => self.transport + 2,
        }
    }

    const fn transport_checksum(&self) -> Option<usize> {
        match self.protocol {
            TCP => Some(self.transport + 16),
            UDP => Some(self.transport + 6),
            _ => None,
        }
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn read_ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    Some(<[u8; 16]>::try_from(bytes).ok()?.into())
}

/// Updates a checksum for words that changed (RFC 1624, equation 3).
fn adjust(bytes: &mut [u8], checksum: usize, old: &[u8], new: &[u8]) {
    let stored = u16::from_be_bytes([bytes[checksum], bytes[checksum + 1]]);
    let mut sum = u32::from(!stored);
    for word in old.chunks_exact(2) {
        sum += u32::from(!u16::from_be_bytes([word[0], word[1]]));
    }
    sum = add(sum, new);
    bytes[checksum..checksum + 2].copy_from_slice(&(!fold(sum)).to_be_bytes());
}

fn add(sum: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(sum, |sum, word| {
        sum + u32::from(u16::from_be_bytes([word[0], *word.get(1).unwrap_or(&0)]))
    })
}

const fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, PacketHeaders, TransportHeader};
    use proptest::prelude::*;

    /// Built with right checksums.
    fn built(six: bool, udp: bool, from: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let ip = if six {
            PacketBuilder::ipv6([0xfd; 16], [0xfc; 16], 64)
        } else {
            PacketBuilder::ipv4([10, 1, 2, 3], [192, 0, 2, 9], 64)
        };
        if udp {
            ip.udp(from, 53).write(&mut bytes, data).unwrap();
        } else {
            ip.tcp(from, 443, 9, 100)
                .ack(3)
                .write(&mut bytes, data)
                .unwrap();
        }
        bytes
    }

    fn checksums_are_right(bytes: &[u8]) -> bool {
        let headers = PacketHeaders::from_ip_slice(bytes).unwrap();
        let payload = headers.payload.slice();
        let net = headers.net.unwrap();
        if let Some((four, _)) = net.ipv4_ref()
            && four.header_checksum != four.calc_header_checksum()
        {
            return false;
        }
        match headers.transport.unwrap() {
            TransportHeader::Igmp(_) => unreachable!("none is built"),
            TransportHeader::Tcp(tcp) => {
                let right = match (net.ipv4_ref(), net.ipv6_ref()) {
                    (Some((four, _)), _) => tcp.calc_checksum_ipv4(four, payload),
                    (_, Some((six, _))) => tcp.calc_checksum_ipv6(six, payload),
                    _ => unreachable!(),
                };
                right.unwrap() == tcp.checksum
            }
            TransportHeader::Udp(udp) => {
                let right = match (net.ipv4_ref(), net.ipv6_ref()) {
                    (Some((four, _)), _) => udp.calc_checksum_ipv4(four, payload),
                    (_, Some((six, _))) => udp.calc_checksum_ipv6(six, payload),
                    _ => unreachable!(),
                };
                right.unwrap() == udp.checksum
            }
            TransportHeader::Icmpv4(icmp) => icmp.icmp_type.calc_checksum(payload) == icmp.checksum,
            TransportHeader::Icmpv6(icmp) => {
                let (six, _) = net.ipv6_ref().unwrap();
                let kind = icmp.icmp_type;
                let right = kind.calc_checksum(six.source, six.destination, payload);
                right.unwrap() == icmp.checksum
            }
        }
    }

    proptest! {
        #[test]
        fn a_translated_packet_has_right_checksums(
            six: bool,
            udp: bool,
            port: u16,
            host: u8,
            data in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = built(six, udp, 1000, &data);
            let ip: IpAddr = if six { [host; 16].into() } else { [host; 4].into() };
            let to = SocketAddr::new(ip, port);
            for end in [End::Source, End::Destination] {
                prop_assert!(address(&mut bytes, end, to));
                prop_assert!(checksums_are_right(&bytes));
            }
            let flow = super::super::Summary::parse(&bytes).unwrap().flow().unwrap();
            prop_assert_eq!((flow.source, flow.destination), (to, to));
        }

        #[test]
        fn a_translated_error_has_right_checksums(six: bool, port: u16, host: u8) {
            use crate::packet::{Direction, Packet, answer};
            use std::time::Duration;
            let asked = built(six, false, 1000, b"data");
            let asked = Packet::parse(asked, Direction::AtoB, Duration::ZERO).unwrap();
            let router: IpAddr = if six { [7; 16].into() } else { [7; 4].into() };
            let code = crate::stage::Code::Host;
            let mut bytes = answer::unreachable(&asked, router, code).unwrap();
            let flow = quoted(&bytes).unwrap();
            prop_assert_eq!(Some(flow), asked.summary().flow());
            let ip: IpAddr = if six { [host; 16].into() } else { [host; 4].into() };
            let to = SocketAddr::new(ip, port);
            prop_assert!(error(&mut bytes, to));
            prop_assert!(checksums_are_right(&bytes));
            prop_assert_eq!(quoted(&bytes).unwrap().source, to);
        }

        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let to = SocketAddr::new([1, 2, 3, 4].into(), 5);
            let _ = address(&mut bytes, End::Source, to);
            let _ = quoted(&bytes);
            let _ = error(&mut bytes, to);
        }
    }

    #[test]
    fn families_do_not_mix() {
        let mut bytes = built(true, false, 1, &[]);
        let before = bytes.clone();
        assert!(!address(
            &mut bytes,
            End::Source,
            SocketAddr::from(([1; 4], 2))
        ));
        assert_eq!(bytes, before);
    }
}
