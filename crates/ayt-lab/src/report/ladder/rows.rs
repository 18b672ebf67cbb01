//! The rows of a ladder from top to bottom: packets, what the programs saw, marks of
//! time, and the breaks where nothing happened.

use std::time::Duration;

use super::super::{Event, Run};
use super::choose::{Many, Piece};
use super::kind::Seen;

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Row<'a> {
    /// The fault's time zero.
    Zero,
    /// The planned earliest and latest finding.
    Earliest,
    Latest,
    Event(&'a Event),
    /// So many events are not shown.
    MoreEvents(u64),
    Packet(Seen<'a>),
    Folded(Many),
    /// Nothing for so long.
    Gap(Duration),
}

/// A row and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) at: Duration,
    /// Its middle, in pixels from the top.
    pub(super) y: f64,
    pub(super) row: Row<'a>,
}

/// Events shown at most.
pub(super) const EVENTS: usize = 80;
/// A time without anything is broken off from this on.
const GAP: Duration = Duration::from_millis(100);
/// Room for the names of the hosts.
const TOP: f64 = 52.0;

impl Row<'_> {
    const fn height(self) -> f64 {
        match self {
            Self::Packet(_) => 30.0,
            Self::Folded(_) | Self::Gap(_) => 34.0,
            Self::Zero | Self::Earliest | Self::Latest => 26.0,
            Self::Event(_) | Self::MoreEvents(_) => 24.0,
        }
    }

    /// Of two at the same time, the lower first.
    const fn rank(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::Earliest => 1,
            Self::Packet(_) | Self::Folded(_) => 2,
            Self::Event(_) => 3,
            Self::Latest => 4,
            Self::MoreEvents(_) | Self::Gap(_) => 5,
        }
    }
}

/// Everything in its order, and the height of the whole.
pub(super) fn place<'a>(run: &'a Run, pieces: &[Piece<'a>]) -> (Vec<Placed<'a>>, f64) {
    let mut rows: Vec<(Duration, Row<'a>)> = vec![(run.zero, Row::Zero)];
    if let Some([earliest, latest]) = run.band() {
        rows.push((earliest, Row::Earliest));
        rows.push((latest, Row::Latest));
    }
    rows.extend(pieces.iter().map(|piece| match piece {
        Piece::One(seen) => (seen.record.at, Row::Packet(*seen)),
        Piece::Many(many) => (many.from, Row::Folded(*many)),
    }));
    // The last ones say how it ended.
    let hidden = run.events.len().saturating_sub(EVENTS);
    let mut events: Vec<&Event> = run.events.iter().collect();
    events.sort_by_key(|event| event.at);
    let (missing, shown) = events.split_at(hidden);
    if let Some(last) = missing.last() {
        rows.push((last.at, Row::MoreEvents(hidden as u64)));
    }
    rows.extend(shown.iter().map(|event| (event.at, Row::Event(event))));
    rows.sort_by_key(|(at, row)| (*at, row.rank()));

    let mut placed: Vec<Placed<'a>> = Vec::with_capacity(rows.len() * 2);
    let mut bottom = TOP;
    let mut quiet_since: Option<Duration> = None;
    let mut put = |at, row: Row<'a>| {
        placed.push(Placed {
            at,
            y: bottom + row.height() / 2.0,
            row,
        });
        bottom += row.height();
    };
    for (at, row) in rows {
        let quiet = quiet_since.map(|since| at.saturating_sub(since));
        if let Some(quiet) = quiet.filter(|quiet| *quiet >= GAP) {
            put(at, Row::Gap(quiet));
        }
        put(at, row);
        let until = match row {
            Row::Folded(many) => many.until,
            Row::Packet(seen) => seen.record.delivered_at().unwrap_or(at),
            _ => at,
        };
        quiet_since = Some(quiet_since.map_or(until, |since| since.max(until)));
    }
    (placed, bottom + 14.0)
}

/// Where a time is, between the rows before and after it.
pub(super) fn y_at(placed: &[Placed<'_>], time: Duration) -> Option<f64> {
    let after = placed.partition_point(|row| row.at <= time);
    let before = placed.get(after.checked_sub(1)?)?;
    let Some(next) = placed.get(after) else {
        return Some(before.y);
    };
    let whole = (next.at - before.at).as_secs_f64();
    let part = (time - before.at).as_secs_f64() / whole;
    Some(before.y + part * (next.y - before.y))
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::super::pieces;
    use super::*;

    #[test]
    fn rows_are_in_order_and_do_not_overlap() {
        for run in [sample::cable(), sample::router(), sample::nobody()] {
            let (pieces, _) = pieces(&run);
            let (placed, height) = place(&run, &pieces);
            for pair in placed.windows(2) {
                assert!(pair[0].at <= pair[1].at, "{pair:?}");
                assert!(pair[1].y - pair[0].y >= 24.0, "{pair:?}");
            }
            assert!(placed.last().unwrap().y < height);
        }
    }

    #[test]
    fn silence_is_broken_off_with_its_length() {
        let run = sample::cable();
        let (pieces, _) = pieces(&run);
        let (placed, _) = place(&run, &pieces);
        // Also before the marks of the planned band, which are in between and after.
        let gaps = placed.iter().filter_map(|placed| match placed.row {
            Row::Gap(length) => Some(length.as_millis()),
            _ => None,
        });
        assert_eq!(gaps.collect::<Vec<_>>(), [399, 601, 1_006, 993, 287]);
    }

    #[test]
    fn events_are_bounded_and_the_last_ones_stay() {
        let mut run = sample::cable();
        run.events = (0..500)
            .map(|at| (Duration::from_millis(at), format!("event {at}")).into())
            .collect();
        let (placed, _) = place(&run, &[]);
        let shown: Vec<&str> = placed
            .iter()
            .filter_map(|placed| match placed.row {
                Row::Event(event) => Some(event.text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(shown.len(), EVENTS);
        assert_eq!(shown.last(), Some(&"event 499"));
    }
}
