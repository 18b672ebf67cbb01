//! The order in which `ayt list` shows sockets.

use std::cmp::Ordering;
use std::time::Duration;

use ayt_core::facts::{HostFacts, Socket, TimerKind};
use ayt_core::tcp_state::TcpState;

use crate::args::SortColumn;
use crate::text::cells;

/// Sorts by a column; what is unknown there comes last in both directions, and
/// what is equal goes by namespace and endpoints.
pub(super) fn sort(facts: &HostFacts, shown: &mut [u32], column: SortColumn, reverse: bool) {
    let order = Order { facts, reverse };
    let socket = |at: u32| &facts.sockets[at as usize];
    shown.sort_by(|&one, &other| {
        let (one, other) = (socket(one), socket(other));
        let place = |socket: &Socket| (socket.ns, socket.local, socket.remote);
        order
            .by(column, one, other)
            .then_with(|| place(one).cmp(&place(other)))
    });
}

struct Order<'a> {
    facts: &'a HostFacts,
    reverse: bool,
}

impl<'a> Order<'a> {
    fn by(&self, column: SortColumn, one: &'a Socket, other: &'a Socket) -> Ordering {
        let facts = self.facts;
        match column {
            SortColumn::State => self.of(one, other, |socket| {
                TcpState::ALL
                    .iter()
                    .position(|&state| state == socket.state)
            }),
            SortColumn::Local => self.of(one, other, |socket| Some(socket.local)),
            SortColumn::Peer => self.of(one, other, |socket| Some(socket.remote)),
            SortColumn::Owner => self.of(one, other, |socket| {
                let owner = facts.owners_of(socket).first()?;
                Some((cells::command(facts, owner), owner.pid, owner.fd))
            }),
            SortColumn::Pid => self.of(one, other, |socket| {
                Some(facts.owners_of(socket).first()?.pid)
            }),
            SortColumn::Keepalive => self.of(one, other, |socket| {
                let keepalive = facts.keepalive.get(&socket.cookie)?.known()?;
                // Off: never.
                Some(keepalive.idle_detection().unwrap_or(Duration::MAX))
            }),
            SortColumn::Idle => {
                self.of(one, other, |socket| Some(cells::traffic(socket)?.idle_ms()))
            }
            SortColumn::Ack => self.of(one, other, |socket| {
                Some(cells::traffic(socket)?.last_ack_recv_ms)
            }),
            SortColumn::Recv => self.of(one, other, |socket| Some(socket.receive_queue)),
            SortColumn::Send => self.of(one, other, |socket| Some(socket.send_queue)),
            SortColumn::Retrans => self.of(one, other, |socket| {
                Some(cells::account(socket)?.retransmits)
            }),
            SortColumn::Timer => self.of(one, other, |socket| {
                let runs = socket.timer.kind != TimerKind::Off;
                runs.then_some(socket.timer.expires_ms)
            }),
            SortColumn::Netns => self.of(one, other, |socket| Some(socket.ns)),
        }
    }

    fn of<K: Ord>(
        &self,
        one: &'a Socket,
        other: &'a Socket,
        key: impl Fn(&'a Socket) -> Option<K>,
    ) -> Ordering {
        match (key(one), key(other)) {
            (Some(one), Some(other)) if self.reverse => other.cmp(&one),
            (Some(one), Some(other)) => one.cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use clap::ValueEnum as _;

    fn sorted(facts: &HostFacts, column: SortColumn, reverse: bool) -> Vec<u32> {
        let mut shown: Vec<u32> = (0..facts.sockets.len() as u32).collect();
        sort(facts, &mut shown, column, reverse);
        shown
    }

    #[test]
    fn the_unknown_comes_last_in_both_directions() {
        let facts = testing::host();
        let idle = |at: &u32| {
            let socket = &facts.sockets[*at as usize];
            cells::traffic(socket).map(|tcp| tcp.idle_ms())
        };
        for reverse in [false, true] {
            let idles: Vec<_> = sorted(&facts, SortColumn::Idle, reverse)
                .iter()
                .map(idle)
                .collect();
            let known = idles.iter().take_while(|idle| idle.is_some()).count();
            assert!(0 < known && known < idles.len(), "{idles:?}");
            assert!(idles[known..].iter().all(Option::is_none), "{idles:?}");
            assert!(
                idles[..known].is_sorted_by(|one, other| match reverse {
                    true => one >= other,
                    false => one <= other,
                }),
                "{idles:?}"
            );
        }
    }

    #[test]
    fn every_column_keeps_every_row() {
        let facts = testing::host();
        let all: Vec<u32> = (0..facts.sockets.len() as u32).collect();
        for &column in SortColumn::value_variants() {
            for reverse in [false, true] {
                let mut rows = sorted(&facts, column, reverse);
                rows.sort_unstable();
                assert_eq!(rows, all, "{column:?}");
            }
        }
    }
}
