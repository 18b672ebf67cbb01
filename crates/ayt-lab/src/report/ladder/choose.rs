//! Which packets get an arrow where there are too many.

use std::time::Duration;

use super::kind::Seen;

/// What follows one another in a ladder.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'a> {
    One(Seen<'a>),
    Many(Many),
}

/// Packets without arrows, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Many {
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) packets: u64,
    /// Bytes on the wire from A, and from B.
    pub(super) bytes: [u64; 2],
    pub(super) dropped: u64,
}

/// At most `most` packets are kept, the others counted in their place: first those near
/// the beginning, time zero and the end, then those that tell something, then the rest.
pub(super) fn choose<'a>(seen: &[Seen<'a>], zero: Duration, most: usize) -> Vec<Piece<'a>> {
    let kept = kept(seen, zero, most);
    let mut pieces = Vec::new();
    for (seen, kept) in seen.iter().zip(kept) {
        match (kept, pieces.last_mut()) {
            (true, _) => pieces.push(Piece::One(*seen)),
            (false, Some(Piece::Many(many))) => many.add(seen),
            (false, _) => {
                let mut many = Many {
                    from: seen.record.at,
                    ..Many::default()
                };
                many.add(seen);
                pieces.push(Piece::Many(many));
            }
        }
    }
    pieces
}

fn kept(seen: &[Seen<'_>], zero: Duration, most: usize) -> Vec<bool> {
    let mut kept = vec![seen.len() <= most; seen.len()];
    if seen.len() <= most {
        return kept;
    }
    let at_zero = seen.partition_point(|seen| seen.record.at < zero);
    let near = most / 6;
    let distance = |index: usize| {
        let ends = index.min(seen.len() - 1 - index);
        ends.min(index.abs_diff(at_zero))
    };
    let mut order: Vec<usize> = (0..seen.len()).collect();
    order.sort_by_key(|&index| {
        let telling = seen[index].kind.is_telling() || seen[index].record.is_dropped();
        let rank = match (distance(index) < near, telling) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        (rank, distance(index))
    });
    for &index in order.iter().take(most) {
        kept[index] = true;
    }
    kept
}

impl Many {
    fn add(&mut self, seen: &Seen<'_>) {
        let record = seen.record;
        self.until = record.at;
        self.packets += 1;
        self.bytes[record.direction.index()] += u64::from(record.summary.length);
        self.dropped += u64::from(record.is_dropped());
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::Script;
    use super::super::kind::{Kind, Watcher};
    use super::*;
    use crate::packet::Direction;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_packet_is_drawn_or_counted(count in 0u32..300, most in 1usize..60, zero in 0u64..400) {
            let mut script = Script::new();
            for seq in 0..count {
                script.sent(Direction::AtoB, ".", seq * 4, 0, b"data");
            }
            let records = script.records();
            let mut watcher = Watcher::default();
            let seen: Vec<_> = records.iter().map(|record| watcher.see(record)).collect();
            let pieces = choose(&seen, Duration::from_millis(zero), most);
            let (mut drawn, mut counted) = (0, 0);
            for piece in &pieces {
                match piece {
                    Piece::One(_) => drawn += 1,
                    Piece::Many(many) => counted += many.packets,
                }
            }
            prop_assert!(drawn <= most);
            prop_assert_eq!(drawn as u64 + counted, u64::from(count));
            prop_assert!(pieces.len() <= 2 * most + 1);
        }
    }

    #[test]
    fn what_tells_something_is_kept_before_what_does_not() {
        let mut script = Script::connected();
        for at in 0..500u32 {
            let flags = if at == 137 { "F." } else { "." };
            script.sent(Direction::AtoB, flags, 105 + at * 4, 901, b"data");
        }
        let records = script.records();
        let mut watcher = Watcher::default();
        let seen: Vec<_> = records.iter().map(|record| watcher.see(record)).collect();
        let pieces = choose(&seen, Duration::ZERO, 40);
        let fin = |piece: &Piece<'_>| matches!(piece, Piece::One(seen) if seen.kind == Kind::Fin);
        assert!(pieces.iter().any(fin));
    }
}
