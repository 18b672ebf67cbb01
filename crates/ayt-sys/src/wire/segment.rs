//! Packets with a TCP segment, built byte by byte: IPv4 (RFC 791), IPv6
//! (RFC 8200), TCP (RFC 9293) with the timestamps option (RFC 7323), and with
//! zeroes for data where any is wanted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ayt_core::probe::segment::Segment;

use super::packet::FourTuple;

/// Hops a packet may take where nobody says otherwise, as Linux' own.
pub const HOPS: u8 = 64;

/// Room for the longest packet without data.
pub const LONGEST: usize = 40 + 20 + 12;

const TCP: u8 = 6;

/// Don't fragment: as the kernel sends its segments.
const DONT_FRAGMENT: u16 = 0x4000;

/// A segment to be sent to the peer in a connection's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The connection.
    pub connection: FourTuple,
    /// The interface its socket is bound to; 0 = none.
    pub interface: u32,
    /// What to say.
    pub segment: Segment,
    /// Hops it may take; `None` for as many as any segment may.
    pub ttl: Option<u8>,
    /// IPv4 identification, which an ICMP error quotes; 0 = the kernel's choice.
    pub id: u16,
}

/// How a packet is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carriage {
    /// TTL or hop limit.
    pub hops: u8,
    /// IPv4 identification, which an ICMP error quotes; 0 lets the kernel choose.
    pub id: u16,
}

impl Default for Carriage {
    fn default() -> Self {
        Self { hops: HOPS, id: 0 }
    }
}

/// Builds a packet into `packet`, which is cleared first. Data is zeroes, as many
/// as the segment tells. IPv4-mapped addresses go as IPv4.
///
/// Returns whether both addresses are of one family and the packet is no longer
/// than any may be; if not, nothing is built.
#[must_use]
pub fn build(
    from: SocketAddr,
    to: SocketAddr,
    segment: &Segment,
    carriage: Carriage,
    packet: &mut Vec<u8>,
) -> bool {
    packet.clear();
    let options: &[u8] = match segment.timestamps {
        Some(stamps) => {
            // Two no-operations, then kind 8, length 10 (RFC 7323 appendix A).
            let [a, b, c, d] = stamps.value.to_be_bytes();
            let [e, f, g, h] = stamps.echo.to_be_bytes();
            &[1, 1, 8, 10, a, b, c, d, e, f, g, h]
        }
        None => &[],
    };
    let header = 20 + options.len() as u16;
    let Some(length) = u16::try_from(segment.payload)
        .ok()
        .and_then(|payload| payload.checked_add(header))
        .filter(|length| *length <= u16::MAX - 20)
    else {
        return false;
    };
    let pseudo: u32 = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, segment.traffic_class]);
            packet.extend((20 + length).to_be_bytes());
            packet.extend(carriage.id.to_be_bytes());
            packet.extend(DONT_FRAGMENT.to_be_bytes());
            packet.extend([carriage.hops, TCP, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let checksum = finish(sum(0, packet));
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            sum(sum(0, &from.octets()), &to.octets())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let label = segment.flow_label & 0x000f_ffff;
            let first = 6 << 28 | u32::from(segment.traffic_class) << 20 | label;
            packet.extend(first.to_be_bytes());
            packet.extend(length.to_be_bytes());
            packet.extend([TCP, carriage.hops]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            sum(sum(0, &from.octets()), &to.octets())
        }
        _ => return false,
    };
    let start = packet.len();
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(segment.seq.to_be_bytes());
    packet.extend(segment.ack.to_be_bytes());
    packet.extend([((header / 4) << 4) as u8, segment.flags.0]);
    packet.extend(segment.window.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(options);
    packet.resize(start + usize::from(length), 0);
    let pseudo = pseudo + u32::from(TCP) + u32::from(length);
    let checksum = finish(sum(pseudo, &packet[start..]));
    packet[start + 16..start + 18].copy_from_slice(&checksum.to_be_bytes());
    true
}

/// Adds bytes to an Internet checksum's running sum (RFC 1071); an odd last byte
/// counts as followed by a zero.
fn sum(sum: u32, bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    sum + words.sum::<u32>()
}

/// Folds the carries and complements.
const fn finish(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The addresses of a connection as a packet has them: IPv4-mapped ones as IPv4,
/// no zone, no flow label.
#[must_use]
pub fn on_the_wire(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// An address that needs its interface to mean something (fe80::/10).
#[must_use]
pub fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if Ipv6Addr::is_unicast_link_local(&address))
}

#[cfg(test)]
mod tests {
    use ayt_core::probe::segment::{Flags, Timestamps};
    use proptest::prelude::*;

    use super::*;
    use crate::wire::capture::{Captured, read};

    #[test]
    fn builds_headers_whose_checksums_hold() {
        let segment = Segment {
            flags: Flags::ACK,
            seq: 0x0102_0304,
            ack: 0x0506_0708,
            window: 0x01f5,
            ..Segment::default()
        };
        let mut packet = Vec::new();
        let carriage = Carriage {
            hops: 64,
            id: 0x1c46,
        };
        let (from, to) = ("10.0.0.1:7000", "10.0.0.2:58558");
        assert!(build(
            from.parse().unwrap(),
            to.parse().unwrap(),
            &segment,
            carriage,
            &mut packet
        ));
        // The sum over a packet with its checksum in place is all ones.
        assert_eq!(finish(sum(0, &packet[..20])), 0);
        let pseudo = sum(sum(6 + 20, &packet[12..16]), &packet[16..20]);
        assert_eq!(finish(sum(pseudo, &packet[20..])), 0);
        assert_eq!(packet.len(), 40);
        assert_eq!(packet[..4], [0x45, 0, 0, 40]);
        assert_eq!(packet[4..9], [0x1c, 0x46, 0x40, 0, 64]);
    }

    #[test]
    fn refuses_addresses_of_two_families() {
        let mut packet = vec![1];
        let segment = Segment::default();
        let (four, six) = (
            "10.0.0.1:1".parse().unwrap(),
            "[fd00::1]:1".parse().unwrap(),
        );
        assert!(!build(
            four,
            six,
            &segment,
            Carriage::default(),
            &mut packet
        ));
        assert!(packet.is_empty());
        let mapped = "[::ffff:10.0.0.2]:1".parse().unwrap();
        assert!(build(
            four,
            mapped,
            &segment,
            Carriage::default(),
            &mut packet
        ));
    }

    #[test]
    fn refuses_more_data_than_a_packet_holds() {
        let mut packet = Vec::new();
        let (from, to) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap());
        for (payload, fits) in [(65_495, true), (65_496, false), (u32::MAX, false)] {
            let segment = Segment {
                payload,
                ..Segment::default()
            };
            assert_eq!(
                build(from, to, &segment, Carriage::default(), &mut packet),
                fits
            );
            assert_eq!(packet.len(), if fits { 65_535 } else { 0 });
        }
    }

    fn address(six: bool) -> impl Strategy<Value = SocketAddr> {
        (any::<[u8; 16]>(), any::<u16>()).prop_map(move |(bytes, port)| {
            let six_ip = Ipv6Addr::from(bytes);
            let [a, b, c, d, ..] = bytes;
            let ip = if six && six_ip.to_ipv4_mapped().is_none() {
                IpAddr::V6(six_ip)
            } else {
                IpAddr::from([a, b, c, d])
            };
            SocketAddr::new(ip, port)
        })
    }

    fn segment() -> impl Strategy<Value = Segment> {
        (
            any::<(u8, u32, u32, u16, u8)>(),
            any::<Option<(u32, u32)>>(),
            0..1u32 << 20,
            0..9_000u32,
        )
            .prop_map(
                |((flags, seq, ack, window, traffic_class), stamps, flow_label, payload)| Segment {
                    flags: Flags(flags),
                    seq,
                    ack,
                    window,
                    timestamps: stamps.map(|(value, echo)| Timestamps { value, echo }),
                    payload,
                    traffic_class,
                    flow_label,
                },
            )
    }

    proptest! {
        /// What is built reads back, and its checksums hold.
        #[test]
        fn what_is_built_reads_back(
            (from, to) in any::<bool>().prop_flat_map(|six| (address(six), address(six))),
            segment in segment(),
            hops in any::<u8>(),
            id in any::<u16>(),
        ) {
            let mut packet = Vec::new();
            prop_assume!(from.is_ipv4() == to.is_ipv4());
            let carriage = Carriage { hops, id };
            prop_assert!(build(from, to, &segment, carriage, &mut packet));
            prop_assert!(packet.len() <= LONGEST + segment.payload as usize);
            let (addresses, start) = if from.is_ipv4() { (12..20, 20) } else { (8..40, 40) };
            if from.is_ipv4() {
                prop_assert_eq!(finish(sum(0, &packet[..20])), 0);
            }
            let length = (packet.len() - start) as u32;
            let pseudo = sum(6 + length, &packet[addresses]);
            prop_assert_eq!(finish(sum(pseudo, &packet[start..])), 0);
            let flow_label = if from.is_ipv4() { 0 } else { segment.flow_label };
            let expected = Captured::Segment {
                from,
                to,
                segment: Segment { flow_label, ..segment },
                hops_left: hops,
            };
            prop_assert_eq!(read(&packet), Some(expected));
        }
    }
}
