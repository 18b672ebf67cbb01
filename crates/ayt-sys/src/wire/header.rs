//! IP headers, with the extension headers of IPv6 looked past (RFC 8200 4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{be16_at, be32_at};

/// The protocol number of TCP.
pub(super) const TCP: u8 = 6;

/// Extension headers looked past, at most.
const EXTENSIONS: usize = 8;

/// What is needed of an IP header.
pub(super) struct Header {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) protocol: u8,
    /// Bytes before the body, extension headers included.
    pub(super) length: usize,
    /// Bytes of the body, as the header says.
    pub(super) body: u32,
    pub(super) first_fragment: bool,
    pub(super) traffic_class: u8,
    pub(super) flow_label: u32,
    pub(super) id: u16,
    pub(super) hops: u8,
}

impl Header {
    /// Reads the header of a packet, or of the beginning of one.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Self::read4(packet),
            6 => Self::read6(packet),
            _ => None,
        }
    }

    fn read4(packet: &[u8]) -> Option<Self> {
        let length = usize::from(packet.first()? & 0x0f) * 4;
        if length < 20 {
            return None;
        }
        let ip = |at: usize| -> Option<IpAddr> {
            let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
            Some(Ipv4Addr::from(bytes).into())
        };
        // A segment that the network card cuts up later may be longer than the
        // field holds: then it is 0.
        let total = u32::from(be16_at(packet, 2)?);
        let total = if total == 0 { u32::MAX } else { total };
        Some(Self {
            from: ip(12)?,
            to: ip(16)?,
            protocol: *packet.get(9)?,
            length,
            body: total.checked_sub(length as u32)?,
            first_fragment: be16_at(packet, 6)? & 0x1fff == 0,
            traffic_class: *packet.get(1)?,
            flow_label: 0,
            id: be16_at(packet, 4)?,
            hops: *packet.get(8)?,
        })
    }

    fn read6(packet: &[u8]) -> Option<Self> {
        let ip = |at: usize| -> Option<IpAddr> {
            let bytes: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        };
        let first = be32_at(packet, 0)?;
        let mut header = Self {
            from: ip(8)?,
            to: ip(24)?,
            protocol: *packet.get(6)?,
            length: 40,
            body: match be16_at(packet, 4)? {
                0 => u32::MAX,
                length => length.into(),
            },
            first_fragment: true,
            traffic_class: (first >> 20) as u8,
            flow_label: first & 0x000f_ffff,
            id: 0,
            hops: *packet.get(7)?,
        };
        for _ in 0..EXTENSIONS {
            let extension = packet.get(header.length..)?;
            let length = match header.protocol {
                // Hop-by-hop, routing, destination options: units of eight bytes
                // after the first.
                0 | 43 | 60 => (usize::from(*extension.get(1)?) + 1) * 8,
                44 => {
                    header.first_fragment &= be16_at(extension, 2)? & 0xfff8 == 0;
                    8
                }
                // Authentication: units of four, less two.
                51 => (usize::from(*extension.get(1)?) + 2) * 4,
                _ => return Some(header),
            };
            header.protocol = *extension.first()?;
            header.length += length;
            header.body = header.body.checked_sub(length as u32)?;
        }
        None
    }
}
