//! Every packet that the wire saw or made, and what became of it, in bounded room.
//!
//! A record is written when a packet comes onto the wire, and its fate is filled in
//! when it leaves it. When the room is full the oldest records go, and are counted.

mod owed;
mod record;

use std::collections::VecDeque;
use std::time::Duration;

use crate::packet::Packet;
pub use record::{Fate, Origin, Record};

/// Room of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Records at most. Default 262,144: at 100,000 packets/s 2.6 s, and of a quiet
    /// connection days.
    pub records: usize,
    /// Bytes of packets at most. Default 64 MiB.
    pub bytes: usize,
    /// Bytes kept of each packet; what is longer is cut, as with tcpdump's -s.
    /// Default 256, which holds all headers. 0 keeps none: there is no pcap then.
    pub snap: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            records: 1 << 18,
            bytes: 64 << 20,
            snap: 256,
        }
    }
}

/// What has happened on a wire.
#[derive(Debug)]
pub struct Log {
    room: Room,
    records: VecDeque<Record>,
    bytes: usize,
    next: u64,
}

impl Log {
    /// An empty one.
    #[must_use]
    pub fn new(room: Room) -> Self {
        Self {
            room,
            records: VecDeque::new(),
            bytes: 0,
            next: 0,
        }
    }

    /// The number that the next record will have; numbers count up from 0.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Records that had to go: those with lower numbers than the first.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.next - self.records.len() as u64
    }

    /// The records there are, oldest first, in the order in which the wire took them.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> + '_ {
        self.records.iter()
    }

    /// The records from a number on.
    pub fn since(&self, number: u64) -> impl DoubleEndedIterator<Item = &Record> + '_ {
        let skip = number.saturating_sub(self.forgotten());
        let skip = usize::try_from(skip)
            .unwrap_or(usize::MAX)
            .min(self.records.len());
        self.records.range(skip..)
    }

    /// Notes a packet that has come onto the wire, or was made there by a stage;
    /// gives it its number.
    pub(crate) fn saw(&mut self, packet: &mut Packet, origin: Origin) {
        packet.number = self.next;
        self.next += 1;
        if self.room.records == 0 {
            return;
        }
        let kept = packet.bytes().len().min(self.room.snap);
        self.bytes += kept;
        self.records.push_back(Record {
            number: packet.number,
            at: packet.at(),
            direction: packet.direction(),
            origin,
            summary: *packet.summary(),
            fate: Fate::UnderWay,
            bytes: packet.bytes()[..kept].into(),
            delivered_as: None,
        });
        self.shrink();
    }

    /// Notes that a packet leaves the wire for its receiver.
    pub(crate) fn delivered(&mut self, packet: &Packet, at: Duration) {
        let kept = packet.bytes().len().min(self.room.snap);
        let mut grown = 0;
        if let Some(record) = self.record(packet.number) {
            record.fate = Fate::Delivered { at };
            if packet.is_changed() {
                grown = kept;
                record.delivered_as = Some((*packet.summary(), packet.bytes()[..kept].into()));
            }
        }
        self.bytes += grown;
        self.shrink();
    }

    /// Notes that a packet was lost.
    pub(crate) fn dropped(
        &mut self,
        number: u64,
        at: Duration,
        by: &'static str,
        why: &'static str,
    ) {
        if let Some(record) = self.record(number) {
            record.fate = Fate::Dropped { at, by, why };
        }
    }

    fn record(&mut self, number: u64) -> Option<&mut Record> {
        let at = number.checked_sub(self.forgotten())?;
        self.records.get_mut(usize::try_from(at).ok()?)
    }

    fn shrink(&mut self) {
        while self.records.len() > self.room.records || self.bytes > self.room.bytes {
            let Some(first) = self.records.pop_front() else {
                return;
            };
            self.bytes -= first.kept();
        }
    }
}

/// Packets of one direction, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Put on the wire by the host that sends.
    pub sent: u64,
    /// Made by stages: ICMP, RST.
    pub made: u64,
    /// Handed to the host that receives.
    pub delivered: u64,
    /// Lost by a stage, or because the receiver's device is down or gone.
    pub dropped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Direction;
    use crate::packet::sample::packet;
    use proptest::prelude::*;

    fn filled(room: Room, count: u32) -> Log {
        let mut log = Log::new(room);
        for seq in 0..count {
            let mut packet = packet(Direction::AtoB, ".", seq, b"data");
            log.saw(&mut packet, Origin::Host);
        }
        log
    }

    #[test]
    fn the_oldest_go_and_are_counted() {
        let room = Room {
            records: 3,
            ..Room::default()
        };
        let mut log = filled(room, 10);
        assert_eq!(log.forgotten(), 7);
        let numbers: Vec<u64> = log.records().map(|record| record.number).collect();
        assert_eq!(numbers, [7, 8, 9]);
        assert_eq!(log.since(9).count(), 1);
        assert_eq!(log.since(0).count(), 3);
        assert_eq!(log.since(99).count(), 0);
        // What happens to one that has gone is no news.
        log.dropped(2, Duration::ZERO, "cut", "cut");
        log.dropped(8, Duration::ZERO, "cut", "cut");
        let fates: Vec<bool> = log.records().map(Record::is_dropped).collect();
        assert_eq!(fates, [false, true, false]);
    }

    proptest! {
        #[test]
        fn the_bytes_are_bounded(count in 0u32..60, bytes in 0usize..600, snap in 0usize..100) {
            let log = filled(Room { records: 50, bytes, snap }, count);
            let held: usize = log.records().map(|record| record.bytes.len()).sum();
            prop_assert!(held <= bytes);
            prop_assert_eq!(held, log.bytes);
            prop_assert_eq!(log.next(), u64::from(count));
        }
    }
}
