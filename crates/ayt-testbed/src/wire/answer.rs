//! What the wire says in the name of others: a router's ICMP, a middlebox's RST.

use std::net::IpAddr;

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{Icmpv4Type, Icmpv6Type, IpHeaders, PacketBuilder, PacketBuilderStep};

use super::control::Unreachable;
use super::packet::{Packet, Transport};

const TTL: u8 = 64;

/// Destination unreachable from `router`, quoting the packet as RFC 1812
/// 4.3.2.3 and RFC 4443 3.1 ask. `None` where the standards forbid an answer:
/// ICMP errors are not answered.
pub(super) fn unreachable(
    bytes: &[u8],
    packet: &Packet,
    router: IpAddr,
    code: Unreachable,
) -> Option<Vec<u8>> {
    if is_icmp_error(packet) {
        return None;
    }
    let mut answer = Vec::new();
    match (router, packet.source) {
        (IpAddr::V4(router), IpAddr::V4(to)) => {
            let code = match code {
                Unreachable::Network => DestUnreachableHeader::Network,
                Unreachable::Host => DestUnreachableHeader::Host,
                Unreachable::Port => DestUnreachableHeader::Port,
                Unreachable::Prohibited => DestUnreachableHeader::FilterProhibited,
            };
            let quoted = &bytes[..bytes.len().min(576 - 20 - 8)];
            PacketBuilder::ipv4(router.octets(), to.octets(), TTL)
                .icmpv4(Icmpv4Type::DestinationUnreachable(code))
                .write(&mut answer, quoted)
                .ok()?;
        }
        (IpAddr::V6(router), IpAddr::V6(to)) => {
            let code = match code {
                Unreachable::Network => DestUnreachableCode::NoRoute,
                Unreachable::Host => DestUnreachableCode::Address,
                Unreachable::Port => DestUnreachableCode::Port,
                Unreachable::Prohibited => DestUnreachableCode::Prohibited,
            };
            let quoted = &bytes[..bytes.len().min(1280 - 40 - 8)];
            PacketBuilder::ipv6(router.octets(), to.octets(), TTL)
                .icmpv6(Icmpv6Type::DestinationUnreachable(code))
                .write(&mut answer, quoted)
                .ok()?;
        }
        _ => return None,
    }
    Some(answer)
}

/// A RST in the name of the packet's destination, which its sender must take:
/// RFC 9293 3.10.7.1 for the numbers. A RST is not answered.
pub(super) fn reset(packet: &Packet) -> Option<Vec<u8>> {
    let tcp = *packet.tcp()?;
    if tcp.flags.rst {
        return None;
    }
    let seq = if tcp.flags.ack { tcp.ack } else { 0 };
    let mut segment = ip(packet.destination, packet.source)?
        .tcp(tcp.destination, tcp.source, seq, 0)
        .rst();
    if !tcp.flags.ack {
        let length = tcp.payload + usize::from(tcp.flags.syn) + usize::from(tcp.flags.fin);
        segment = segment.ack(tcp.seq.wrapping_add(length as u32));
    }
    let mut answer = Vec::new();
    segment.write(&mut answer, &[]).ok()?;
    Some(answer)
}

fn ip(from: IpAddr, to: IpAddr) -> Option<PacketBuilderStep<IpHeaders>> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            Some(PacketBuilder::ipv4(from.octets(), to.octets(), TTL))
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            Some(PacketBuilder::ipv6(from.octets(), to.octets(), TTL))
        }
        _ => None,
    }
}

fn is_icmp_error(packet: &Packet) -> bool {
    let Transport::Icmp { kind, .. } = packet.transport else {
        return false;
    };
    match packet.source {
        // Echo and its reply, and the queries, are not errors.
        IpAddr::V4(_) => matches!(kind, 3 | 4 | 5 | 11 | 12),
        IpAddr::V6(_) => kind < 128,
    }
}
