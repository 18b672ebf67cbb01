//! What the wire says in the name of others: a router's ICMP, a middlebox's RST.

use std::net::{IpAddr, SocketAddr};

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{Icmpv4Type, Icmpv6Type, IpHeaders, PacketBuilder, PacketBuilderStep};

use super::{Packet, Summary};
use crate::stage::Code;

const TTL: u8 = 64;

/// Destination unreachable from `router`, quoting the packet as RFC 1812 4.3.2.3
/// and RFC 4443 3.1 ask. `None` where an answer is forbidden: ICMP errors are not
/// answered.
pub(crate) fn unreachable(packet: &Packet, router: IpAddr, code: Code) -> Option<Vec<u8>> {
    if packet.summary().is_icmp_error() {
        return None;
    }
    let bytes = packet.bytes();
    let mut answer = Vec::new();
    match (router, packet.summary().source) {
        (IpAddr::V4(router), IpAddr::V4(to)) => {
            let code = match code {
                Code::Network => DestUnreachableHeader::Network,
                Code::Host => DestUnreachableHeader::Host,
                Code::Port => DestUnreachableHeader::Port,
                Code::Prohibited => DestUnreachableHeader::FilterProhibited,
            };
            let quoted = &bytes[..bytes.len().min(576 - 20 - 8)];
            PacketBuilder::ipv4(router.octets(), to.octets(), TTL)
                .icmpv4(Icmpv4Type::DestinationUnreachable(code))
                .write(&mut answer, quoted)
                .ok()?;
        }
        (IpAddr::V6(router), IpAddr::V6(to)) => {
            let code = match code {
                Code::Network => DestUnreachableCode::NoRoute,
                Code::Host => DestUnreachableCode::Address,
                Code::Port => DestUnreachableCode::Port,
                Code::Prohibited => DestUnreachableCode::Prohibited,
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

/// A RST in the name of the packet's destination, which its sender must take
/// (RFC 9293 3.10.7.1). A RST is not answered.
pub(crate) fn reset(summary: &Summary) -> Option<Vec<u8>> {
    let tcp = summary.tcp()?;
    if tcp.flags.rst {
        return None;
    }
    let flow = summary.flow()?;
    if tcp.flags.ack {
        segment(flow.destination, flow.source, tcp.ack, None)
    } else {
        segment(flow.destination, flow.source, 0, Some(tcp.end()))
    }
}

/// A RST with this sequence number, and with an acknowledgement if there is one.
pub(crate) fn segment(
    from: SocketAddr,
    to: SocketAddr,
    seq: u32,
    ack: Option<u32>,
) -> Option<Vec<u8>> {
    let mut segment = ip(from.ip(), to.ip())?
        .tcp(from.port(), to.port(), seq, 0)
        .rst();
    if let Some(ack) = ack {
        segment = segment.ack(ack);
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

#[cfg(test)]
mod tests {
    use super::super::sample::{packet, segment_ack};
    use super::super::{Direction, Transport};
    use super::*;

    #[test]
    fn a_reset_is_numbered_as_its_receiver_expects() {
        let asked = Summary::parse(&segment_ack(Direction::AtoB, ".", 5, 77, b"x")).unwrap();
        let answer = Summary::parse(&reset(&asked).unwrap()).unwrap();
        assert_eq!(answer.flow(), asked.flow().map(super::super::Flow::back));
        assert_eq!(answer.tcp().map(|tcp| tcp.seq), Some(77));
        // To a SYN it acknowledges what came.
        let syn = packet(Direction::AtoB, "S", 41, &[]);
        let answer = Summary::parse(&reset(syn.summary()).unwrap()).unwrap();
        let tcp = answer.tcp().unwrap();
        assert_eq!((tcp.seq, tcp.ack, tcp.flags.ack), (0, 42, true));
        assert_eq!(reset(&answer), None);
    }

    #[test]
    fn an_error_is_not_answered_and_families_do_not_mix() {
        let asked = packet(Direction::AtoB, ".", 5, b"x");
        let router = IpAddr::from([10, 77, 0, 254]);
        let answer = unreachable(&asked, router, Code::Prohibited).unwrap();
        let answer = Packet::parse(answer, Direction::BtoA, asked.at()).unwrap();
        assert_eq!(
            answer.summary().transport,
            Transport::Icmp { kind: 3, code: 13 }
        );
        assert_eq!(unreachable(&answer, router, Code::Host), None);
        assert_eq!(
            unreachable(&asked, IpAddr::from([1u16; 8]), Code::Host),
            None
        );
    }
}
