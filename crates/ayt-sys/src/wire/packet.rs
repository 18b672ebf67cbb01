//! What raw sockets bring: ICMP errors that quote a TCP segment of ours, and
//! RST segments (RFC 792, RFC 4443, RFC 9293).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::be16_at;
use super::header::{Header, TCP};

/// A connection as the network names it, from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourTuple {
    /// This side.
    pub local: SocketAddr,
    /// The peer.
    pub remote: SocketAddr,
}

/// An ICMP destination-unreachable that quotes a TCP segment this side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable {
    /// The connection it is about.
    pub connection: FourTuple,
    /// ICMP code (host 1, port 3, administratively prohibited 13, …).
    pub code: u8,
}

/// Something a raw socket saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// A RST came in.
    Reset(FourTuple),
    /// A router, or the peer, says it cannot be reached.
    Unreachable(Unreachable),
}

/// Reads an IPv4 packet as a raw ICMP socket delivers it.
#[must_use]
pub fn icmp4(packet: &[u8]) -> Option<Unreachable> {
    let icmp = packet.get(ipv4_header(packet)?..)?;
    // Type 3, destination unreachable; code 4 is path MTU discovery.
    let (&kind, &code) = (icmp.first()?, icmp.get(1)?);
    (kind == 3 && code != 4).then(|| unreachable(icmp, code, IpAddr::is_ipv4))?
}

/// Reads an ICMPv6 message as a raw socket delivers it (without IPv6 header).
#[must_use]
pub fn icmp6(message: &[u8]) -> Option<Unreachable> {
    let (&kind, &code) = (message.first()?, message.get(1)?);
    (kind == 1).then(|| unreachable(message, code, IpAddr::is_ipv6))?
}

/// What is quoted behind the first eight bytes of an ICMP error, which quotes packets
/// of its own family.
fn unreachable(message: &[u8], code: u8, family: fn(&IpAddr) -> bool) -> Option<Unreachable> {
    let quoted = message.get(8..)?;
    let ip = Header::read(quoted).filter(|ip| family(&ip.from))?;
    if ip.protocol != TCP || !ip.first_fragment {
        return None;
    }
    let ports = quoted.get(ip.length..)?;
    Some(Unreachable {
        connection: FourTuple {
            local: SocketAddr::new(ip.from, be16_at(ports, 0)?),
            remote: SocketAddr::new(ip.to, be16_at(ports, 2)?),
        },
        code,
    })
}

/// Reads an IPv4 packet with a TCP segment; the connection, if it is a RST.
#[must_use]
pub fn reset4(packet: &[u8]) -> Option<FourTuple> {
    let segment = packet.get(ipv4_header(packet)?..)?;
    let ip = |at: usize| -> Option<IpAddr> {
        let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(bytes).into())
    };
    reset(segment, ip(16)?, ip(12)?)
}

/// Reads a TCP segment that came over IPv6; the connection, if it is a RST.
/// The raw socket does not tell our own address: the caller gives it, or the
/// unspecified one.
#[must_use]
pub fn reset6(segment: &[u8], local: Ipv6Addr, remote: Ipv6Addr) -> Option<FourTuple> {
    reset(segment, local.into(), remote.into())
}

fn reset(segment: &[u8], local: IpAddr, remote: IpAddr) -> Option<FourTuple> {
    const RST: u8 = 0x04;
    (segment.get(13)? & RST != 0).then_some(())?;
    Some(FourTuple {
        local: SocketAddr::new(local, be16_at(segment, 2)?),
        remote: SocketAddr::new(remote, be16_at(segment, 0)?),
    })
}

fn ipv4_header(packet: &[u8]) -> Option<usize> {
    let first = packet.first()?;
    let length = usize::from(first & 0x0f) * 4;
    (first >> 4 == 4 && length >= 20).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ipv4(protocol: u8, source: [u8; 4], target: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        bytes.extend(source);
        bytes.extend(target);
        bytes.extend(rest);
        bytes
    }

    fn segment(source: u16, target: u16, flags: u8) -> Vec<u8> {
        let mut bytes = source.to_be_bytes().to_vec();
        bytes.extend(target.to_be_bytes());
        bytes.extend([0; 9]);
        bytes.push(flags);
        bytes.extend([0; 6]);
        bytes
    }

    /// Found by fuzzing.
    #[test]
    fn an_error_that_quotes_the_other_family_is_none() {
        let quoted = ipv4(
            TCP,
            [10, 0, 0, 1],
            [10, 0, 0, 2],
            &segment(7000, 58558, 0x10)[..8],
        );
        let mut icmp6_message = vec![1, 3, 0, 0, 0, 0, 0, 0];
        icmp6_message.extend(&quoted);
        assert_eq!(icmp6(&icmp6_message), None);
        let mut six = vec![0x60, 0, 0, 0, 0, 8, TCP, 64];
        six.extend([0xfd; 32]);
        six.extend(&segment(7000, 58558, 0x10)[..8]);
        let mut icmp = vec![3, 1, 0, 0, 0, 0, 0, 0];
        icmp.extend(&six);
        assert_eq!(icmp4(&ipv4(1, [10, 0, 0, 9], [10, 0, 0, 1], &icmp)), None);
        // Each is read where it belongs.
        icmp6_message.truncate(8);
        icmp6_message.extend(&six);
        assert!(icmp6(&icmp6_message).is_some());
    }

    #[test]
    fn finds_the_connection_in_an_icmp_error() {
        let ours = ipv4(
            TCP,
            [10, 0, 0, 1],
            [10, 0, 0, 2],
            &segment(7000, 58558, 0x10)[..8],
        );
        let mut icmp = vec![3, 1, 0, 0, 0, 0, 0, 0];
        icmp.extend(&ours);
        let packet = ipv4(1, [10, 0, 0, 254], [10, 0, 0, 1], &icmp);
        let found = icmp4(&packet).unwrap();
        assert_eq!(found.code, 1);
        assert_eq!(found.connection.local.to_string(), "10.0.0.1:7000");
        assert_eq!(found.connection.remote.to_string(), "10.0.0.2:58558");
        for length in 0..packet.len() - 4 {
            assert_eq!(icmp4(&packet[..length]), None, "{length}");
        }
        icmp[1] = 4;
        assert_eq!(icmp4(&ipv4(1, [1; 4], [2; 4], &icmp)), None);
    }

    #[test]
    fn finds_the_connection_behind_extension_headers() {
        let ips = ["fd00::1", "fd00::2"].map(|ip| ip.parse::<Ipv6Addr>().unwrap().octets());
        // Hop-by-hop options, then destination options.
        let options = [60, 0, 1, 4, 0, 0, 0, 0, TCP, 0, 1, 4, 0, 0, 0, 0];
        for (next, options) in [(TCP, &[][..]), (0, &options)] {
            let mut message = vec![1, 3, 0, 0, 0, 0, 0, 0];
            message.extend([0x60, 0, 0, 0, 0, 36, next, 64]);
            message.extend(ips.concat());
            message.extend(options);
            message.extend(&segment(7000, 58558, 0x10)[..8]);
            let found = icmp6(&message).unwrap();
            assert_eq!(found.code, 3);
            assert_eq!(found.connection.local.to_string(), "[fd00::1]:7000");
            assert_eq!(found.connection.remote.to_string(), "[fd00::2]:58558");
            message[0] = 3;
            assert_eq!(icmp6(&message), None);
        }
    }

    #[test]
    fn finds_the_connection_of_a_reset_and_of_nothing_else() {
        let packet = ipv4(
            TCP,
            [10, 0, 0, 2],
            [10, 0, 0, 1],
            &segment(58558, 7000, 0x14),
        );
        let found = reset4(&packet).unwrap();
        assert_eq!(found.local.to_string(), "10.0.0.1:7000");
        assert_eq!(found.remote.to_string(), "10.0.0.2:58558");
        let plain = ipv4(
            TCP,
            [10, 0, 0, 2],
            [10, 0, 0, 1],
            &segment(58558, 7000, 0x10),
        );
        assert_eq!(reset4(&plain), None);
        let six = reset6(
            &segment(1, 2, 4),
            Ipv6Addr::UNSPECIFIED,
            Ipv6Addr::LOCALHOST,
        )
        .unwrap();
        assert_eq!(six.local.port(), 2);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (icmp4(&bytes), icmp6(&bytes), reset4(&bytes));
            let _ = reset6(&bytes, Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        }
    }
}
