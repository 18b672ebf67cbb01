//! A log as a pcapng file, for Wireshark, tshark and tcpdump
//! (draft-ietf-opsawg-pcapng).
//!
//! Written here because it is three kinds of block, and because each packet
//! carries a comment: what the wire did to it. Times are in nanoseconds.

use std::io::{self, Write};
use std::time::Duration;

use crate::log::{Fate, Log, Origin, Record};
use crate::packet::{Direction, Side};

/// Where the capture is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vantage {
    /// On the wire: every packet once, when and as it was sent, lost ones too.
    #[default]
    Wire,
    /// At a host: what it sent, and what it received when and as it did; as tcpdump
    /// there would show it.
    Host(Side),
}

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// LINKTYPE_RAW: packets begin with their IP header.
const RAW_IP: u16 = 101;
const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_FLAGS: u16 = 2;
const OPTION_APPLICATION: u16 = 4;
const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
const NANOSECONDS: u8 = 9;

/// Writes the log; returns how many packets there are in the file. `wall` is the
/// time of the lab's origin since 1970: [`clock::wall_origin`](crate::clock::wall_origin).
///
/// # Errors
/// When the output refuses.
pub fn write(
    log: &Log,
    vantage: Vantage,
    names: [&str; 2],
    wall: Duration,
    output: impl Write,
) -> io::Result<usize> {
    write_records(log.records(), vantage, names, wall, output)
}

/// As [`write()`], of records that were taken out of a log, in their order.
///
/// # Errors
/// When the output refuses.
pub fn write_records<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    vantage: Vantage,
    names: [&str; 2],
    wall: Duration,
    mut output: impl Write,
) -> io::Result<usize> {
    output.write_all(&section())?;
    for name in names {
        output.write_all(&interface(name))?;
    }
    let mut seen: Vec<(Duration, Vec<u8>)> = records
        .into_iter()
        .filter_map(|record| sighting(record, vantage, wall))
        .collect();
    // Arrivals are in order; what a host receives is not, where it was delayed.
    seen.sort_by_key(|(at, _)| *at);
    for (_, block) in &seen {
        output.write_all(block)?;
    }
    output.flush()?;
    Ok(seen.len())
}

fn sighting(record: &Record, vantage: Vantage, wall: Duration) -> Option<(Duration, Vec<u8>)> {
    let sender = record.direction.sender();
    let as_sent = (record.at, &record.bytes, record.summary.length);
    let (at, bytes, length) = match (vantage, record.origin) {
        (Vantage::Wire, _) => as_sent,
        (Vantage::Host(side), Origin::Host) if side == sender => as_sent,
        (Vantage::Host(side), _) if side == sender => return None,
        (Vantage::Host(_), _) => {
            let bytes = match &record.delivered_as {
                Some((_, bytes)) => bytes,
                None => &record.bytes,
            };
            let length = record.delivered_summary().length;
            (record.delivered_at()?, bytes, length)
        }
    };
    // An interface for each host: the one whose packet it is.
    let interface = sender.index() as u32;
    let mut body = Vec::with_capacity(bytes.len() + 96);
    body.extend(interface.to_le_bytes());
    let stamp = (wall + at).as_nanos() as u64;
    body.extend(((stamp >> 32) as u32).to_le_bytes());
    body.extend((stamp as u32).to_le_bytes());
    body.extend((bytes.len() as u32).to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend(&**bytes);
    pad(&mut body);
    option(&mut body, OPTION_COMMENT, comment(record).as_bytes());
    if let Vantage::Host(side) = vantage {
        // Bits 0 and 1: 1 came in, 2 went out.
        let way: u32 = if side == sender { 2 } else { 1 };
        option(&mut body, OPTION_FLAGS, &way.to_le_bytes());
    }
    option(&mut body, OPTION_END, &[]);
    Some((at, block(PACKET, &body)))
}

fn comment(record: &Record) -> String {
    let way = match record.direction {
        Direction::AtoB => "A to B",
        Direction::BtoA => "B to A",
    };
    let mut text = format!("{way}, {}", record.fate);
    if let Fate::Delivered { at } = record.fate {
        let held = at.saturating_sub(record.at);
        text += &format!(" after {:.3} ms", held.as_secs_f64() * 1e3);
    }
    if let Origin::Stage(name) = record.origin {
        text += &format!(", made by {name}");
    }
    if let Some((summary, _)) = &record.delivered_as {
        text += &format!(", as {summary}");
    }
    text
}

fn section() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend(1u16.to_le_bytes());
    body.extend(0u16.to_le_bytes());
    // The length of the section is not said.
    body.extend(u64::MAX.to_le_bytes());
    option(&mut body, OPTION_APPLICATION, b"ayt lab");
    option(&mut body, OPTION_END, &[]);
    block(SECTION, &body)
}

fn interface(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(RAW_IP.to_le_bytes());
    body.extend([0, 0]);
    // No limit on the length of a packet.
    body.extend(0u32.to_le_bytes());
    option(&mut body, OPTION_NAME, name.as_bytes());
    option(&mut body, OPTION_RESOLUTION, &[NANOSECONDS]);
    option(&mut body, OPTION_END, &[]);
    block(INTERFACE, &body)
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 12) as u32;
    let mut bytes = Vec::with_capacity(body.len() + 12);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    bytes.extend(length.to_le_bytes());
    bytes
}

fn option(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend(kind.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().div_ceil(4) * 4, 0);
}

#[cfg(test)]
mod tests;
