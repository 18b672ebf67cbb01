//! Whether everything that arrived has been acknowledged.

use rustc_hash::FxHashMap;

use super::Log;
use crate::packet::{Direction, Flow};

impl Log {
    /// Data, a SYN or a FIN that was delivered is not acknowledged yet: whoever has it
    /// still owes a segment. A delayed acknowledgement comes within 40 ms, and later
    /// where the machine is busy.
    #[must_use]
    pub fn owes_acknowledgement(&self) -> bool {
        let mut owed: FxHashMap<Flow, u32> = FxHashMap::default();
        for record in self.records() {
            // As side A has it: a NAT on the wire hides only B.
            let summary = match record.direction {
                Direction::AtoB => &record.summary,
                Direction::BtoA => record.delivered_summary(),
            };
            let (Some(flow), Some(tcp)) = (summary.flow(), summary.tcp()) else {
                continue;
            };
            if tcp.flags.rst {
                owed.remove(&flow);
                owed.remove(&flow.back());
                continue;
            }
            let is_covered = |end: &u32| tcp.flags.ack && !is_before(tcp.ack, *end);
            if owed.get(&flow.back()).is_some_and(is_covered) {
                owed.remove(&flow.back());
            }
            let carries = tcp.payload > 0 || tcp.flags.syn || tcp.flags.fin;
            if carries && record.delivered_at().is_some() {
                owed.insert(flow, tcp.end());
            }
        }
        !owed.is_empty()
    }
}

/// In the circle of sequence numbers (RFC 9293 3.4).
const fn is_before(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) < 0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Origin, Room};
    use super::*;
    use crate::packet::Packet;
    use crate::packet::sample::segment_ack;
    use Direction::{AtoB, BtoA};

    /// Direction, flags, seq, ack, bytes; `true`: it arrives.
    type Sent = (Direction, &'static str, u32, u32, usize, bool);

    fn owes(sent: &[Sent]) -> bool {
        let mut log = Log::new(Room::default());
        for &(direction, flags, seq, ack, len, arrives) in sent {
            let bytes = segment_ack(direction, flags, seq, ack, &vec![0; len]);
            let mut packet = Packet::parse(bytes, direction, Duration::ZERO).unwrap();
            log.saw(&mut packet, Origin::Host);
            if arrives {
                log.delivered(&packet, Duration::ZERO);
            }
        }
        log.owes_acknowledgement()
    }

    #[test]
    fn what_arrived_is_owed_until_it_is_acknowledged() {
        let greeting: [Sent; 3] = [
            (AtoB, "S", 100, 0, 0, true),
            (BtoA, "S.", 500, 101, 0, true),
            (AtoB, ".", 101, 501, 0, true),
        ];
        assert!(!owes(&[]));
        assert!(owes(&greeting[..1]));
        assert!(owes(&greeting[..2]));
        assert!(!owes(&greeting));
        let with = |more: &[Sent]| owes(&[&greeting[..], more].concat());
        assert!(with(&[(AtoB, ".", 101, 501, 5, true)]));
        assert!(
            !with(&[(AtoB, ".", 101, 501, 5, false)]),
            "lost: none is owed"
        );
        let data = (AtoB, ".", 101, 501, 5, true);
        assert!(with(&[data, (BtoA, ".", 501, 105, 0, true)]), "a part");
        assert!(!with(&[data, (BtoA, ".", 501, 106, 0, true)]));
        assert!(
            with(&[data, (BtoA, ".", 501, 106, 9, true)]),
            "its own data"
        );
        assert!(!with(&[data, (BtoA, "R", 501, 0, 0, true)]), "over");
    }

    #[test]
    fn numbers_go_round() {
        let near_the_end: Sent = (AtoB, ".", u32::MAX - 1, 1, 5, true);
        assert!(owes(&[near_the_end, (BtoA, ".", 1, u32::MAX, 0, true)]));
        assert!(!owes(&[near_the_end, (BtoA, ".", 1, 3, 0, true)]));
    }
}
