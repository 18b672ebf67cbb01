//! Packets as a packet socket shows them, from the network header on: TCP
//! segments, and ICMP errors that quote one.
//!
//! Only the first part of a packet need be there, as long as it holds what is
//! read: a capture is cut short.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ayt_core::probe::segment::{Flags, Segment, Timestamps};

use super::header::{Header, TCP};
use super::packet::FourTuple;
use super::{be16_at, be32_at};

mod extension;

pub use extension::Labels;

/// A packet seen, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// By the kernel's clock, from the epoch.
    pub at: Duration,
    /// What it is.
    pub packet: Captured,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captured {
    /// A TCP segment.
    Segment {
        /// Its sender.
        from: SocketAddr,
        /// Its receiver.
        to: SocketAddr,
        /// What it says.
        segment: Segment,
        /// Hops it had left when it was seen.
        hops_left: u8,
    },
    /// An ICMP or ICMPv6 error about a TCP segment.
    Error(IcmpError),
}

/// An ICMP error that quotes a TCP segment (RFC 792, RFC 4443).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Who sent it: a router on the way, or the peer.
    pub from: IpAddr,
    /// What it says.
    pub kind: IcmpKind,
    /// The connection of the quoted segment, as its sender names it.
    pub connection: FourTuple,
    /// The quoted segment's sequence number.
    pub seq: u32,
    /// The quoted packet's IPv4 identification; 0 over IPv6.
    pub id: u16,
    /// Hops that the quoted packet had left where it was quoted.
    pub hops_left: u8,
    /// Hops that the error itself had left when it was seen.
    pub own_hops_left: u8,
    /// MPLS labels that the quoted packet had, where the router says.
    pub labels: Labels,
}

/// What an ICMP error says of the segment it quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IcmpKind {
    /// It ran out of hops on the way.
    TimeExceeded,
    /// It cannot be delivered; the code says why (host 1, port 3,
    /// administratively prohibited 13, …).
    Unreachable {
        /// ICMP code.
        code: u8,
    },
    /// It is too big for the next link.
    TooBig {
        /// What would fit, bytes; 0 where an old router does not say.
        mtu: u32,
    },
}

const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// Reads a packet. `None` for what is neither.
#[must_use]
pub fn read(packet: &[u8]) -> Option<Captured> {
    let outer = Header::read(packet)?;
    let body = packet.get(outer.length..)?;
    match (outer.protocol, outer.from) {
        (TCP, _) if outer.first_fragment => segment(&outer, body),
        (ICMP, IpAddr::V4(_)) | (ICMP6, IpAddr::V6(_)) if outer.first_fragment => {
            error(&outer, body).map(Captured::Error)
        }
        _ => None,
    }
}

fn segment(ip: &Header, tcp: &[u8]) -> Option<Captured> {
    let length = usize::from(tcp.get(12)? >> 4) * 4;
    if length < 20 {
        return None;
    }
    // Cut short or not, options lie within the first 60 bytes.
    let options = tcp
        .get(20..length)
        .unwrap_or_else(|| &tcp[20.min(tcp.len())..]);
    Some(Captured::Segment {
        from: SocketAddr::new(ip.from, be16_at(tcp, 0)?),
        to: SocketAddr::new(ip.to, be16_at(tcp, 2)?),
        segment: Segment {
            flags: Flags(*tcp.get(13)?),
            seq: be32_at(tcp, 4)?,
            ack: be32_at(tcp, 8)?,
            window: be16_at(tcp, 14)?,
            timestamps: timestamps(options),
            payload: ip.body.checked_sub(length as u32)?,
            traffic_class: ip.traffic_class,
            flow_label: ip.flow_label,
        },
        hops_left: ip.hops,
    })
}

/// The timestamps among a segment's options (RFC 7323 3.2).
fn timestamps(mut options: &[u8]) -> Option<Timestamps> {
    loop {
        match *options {
            [1, ref rest @ ..] => options = rest,
            [8, 10, a, b, c, d, e, f, g, h, ..] => {
                return Some(Timestamps {
                    value: u32::from_be_bytes([a, b, c, d]),
                    echo: u32::from_be_bytes([e, f, g, h]),
                });
            }
            [2..=255, length @ 2..=255, ..] => options = options.get(usize::from(length)..)?,
            _ => return None,
        }
    }
}

fn error(ip: &Header, icmp: &[u8]) -> Option<IcmpError> {
    let (&kind, &code) = (icmp.first()?, icmp.get(1)?);
    // RFC 4884 4: how long the quote is, in words of four bytes or of eight.
    let quote_length = match ip.protocol {
        ICMP => usize::from(*icmp.get(5)?) * 4,
        _ => usize::from(*icmp.get(4)?) * 8,
    };
    let kind = match (ip.protocol, kind, code) {
        (ICMP, 11, 0) | (ICMP6, 3, 0) => IcmpKind::TimeExceeded,
        (ICMP, 3, 4) => IcmpKind::TooBig {
            mtu: be16_at(icmp, 6)?.into(),
        },
        (ICMP6, 2, _) => IcmpKind::TooBig {
            mtu: be32_at(icmp, 4)?,
        },
        (ICMP, 3, _) | (ICMP6, 1, _) => IcmpKind::Unreachable { code },
        _ => return None,
    };
    let quoted = icmp.get(8..)?;
    // An error quotes packets of its own family.
    let inner = Header::read(quoted).filter(|inner| inner.from.is_ipv4() == ip.from.is_ipv4())?;
    if inner.protocol != TCP || !inner.first_fragment {
        return None;
    }
    // RFC 792 promises the first eight bytes: ports and sequence number.
    let tcp = quoted.get(inner.length..)?;
    Some(IcmpError {
        from: ip.from,
        kind,
        connection: FourTuple {
            local: SocketAddr::new(inner.from, be16_at(tcp, 0)?),
            remote: SocketAddr::new(inner.to, be16_at(tcp, 2)?),
        },
        seq: be32_at(tcp, 4)?,
        id: inner.id,
        hops_left: inner.hops,
        own_hops_left: ip.hops,
        labels: match kind {
            IcmpKind::TimeExceeded | IcmpKind::Unreachable { .. } => {
                // What a capture has cut short, or the link has padded, is none.
                let whole = icmp.get(..ip.body as usize).and_then(|icmp| icmp.get(8..));
                whole.map_or(Labels::NONE, |rest| extension::labels(rest, quote_length))
            }
            IcmpKind::TooBig { .. } => Labels::NONE,
        },
    })
}

#[cfg(test)]
mod tests;
