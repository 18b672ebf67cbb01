use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, PcapBlockOwned, PcapError, PcapNGReader};

use super::*;
use crate::log::Room;
use crate::packet::sample::packet;

const WALL: Duration = Duration::from_secs(1_700_000_000);

/// A packet that was delayed, one that was lost, and an answer of a stage.
fn log() -> Log {
    let mut log = Log::new(Room::default());
    let mut sent = packet(Direction::AtoB, ".", 1, b"late");
    log.saw(&mut sent, Origin::Host);
    log.delivered(&sent, Duration::from_nanos(5_000_000_001));
    let mut lost = packet(Direction::BtoA, "F", 2, b"");
    log.saw(&mut lost, Origin::Host);
    log.dropped(lost.number, Duration::ZERO, "pick", "last-ack");
    let mut made = packet(Direction::AtoB, "R", 3, b"");
    log.saw(&mut made, Origin::Stage("nat"));
    log.delivered(&made, Duration::from_secs(1));
    log
}

/// Interface, time in nanoseconds, length, and comment of each packet, as an
/// independent parser reads them.
fn read(bytes: &[u8]) -> Vec<(u32, u64, u32, String)> {
    let mut reader = PcapNGReader::new(1 << 16, bytes).unwrap();
    let mut found = Vec::new();
    loop {
        match reader.next() {
            Ok((consumed, PcapBlockOwned::NG(block))) => {
                if let Block::EnhancedPacket(packet) = block {
                    let stamp = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                    let comment = packet.options.iter().find(|option| option.code.0 == 1);
                    let comment = comment.map(|option| option.value.to_vec()).unwrap();
                    let text = String::from_utf8(comment).unwrap();
                    let text = text.trim_end_matches('\0').to_owned();
                    found.push((packet.if_id, stamp, packet.origlen, text));
                }
                reader.consume(consumed);
            }
            Ok((consumed, _)) => reader.consume(consumed),
            Err(PcapError::Eof) => return found,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn written(vantage: Vantage) -> Vec<(u32, u64, u32, String)> {
    let mut bytes = Vec::new();
    let count = write(&log(), vantage, ["a", "b"], WALL, &mut bytes).unwrap();
    let found = read(&bytes);
    assert_eq!(found.len(), count);
    found
}

#[test]
fn the_wire_shows_every_packet_once_with_its_fate() {
    let found = written(Vantage::Wire);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].3, "A to B, delivered after 5000.000 ms");
    assert_eq!(found[0].1, WALL.as_nanos() as u64);
    assert_eq!(found[0].2, 44);
    assert_eq!(found[1].0, 1);
    assert_eq!(found[1].3, "B to A, dropped by pick: last-ack");
    assert!(found[2].3.ends_with("made by nat"), "{:?}", found[2]);
}

#[test]
fn a_host_shows_what_it_sent_and_what_reached_it() {
    let at_a = written(Vantage::Host(Side::A));
    assert_eq!(at_a.len(), 1, "{at_a:?}");
    let at_b = written(Vantage::Host(Side::B));
    let stamps: Vec<u64> = at_b
        .iter()
        .map(|(_, stamp, ..)| stamp - WALL.as_nanos() as u64)
        .collect();
    // Its own lost FIN, the RST, and the late one, in the order of the host.
    assert_eq!(stamps, [0, 1_000_000_000, 5_000_000_001]);
}
