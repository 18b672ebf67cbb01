//! Asking by the repair engine: at once, a millisecond's worth under one lock.

use std::sync::atomic::Ordering;

use ayt_core::probe::Refusal;
use ayt_core::probe::engine::repair_ready_in;
use ayt_core::tcp_state::TcpState;
use ayt_sys::Descriptors;

use super::super::engines::{self, Asked};
use super::super::journal::{Change, Intent};
use super::super::run::Item;
use super::super::{Probe, answers, holders};
use super::{Asking, intent, switch};
use crate::clock::Clock;
use crate::spread::threads;

/// Connections that a thread asks under one lock.
const BATCH: usize = 64;

/// Fewer connections than this are asked by one thread.
const ALONE: usize = 1_000;

/// Asks items.
pub(super) fn ask(asking: &mut Asking<'_>, items: &mut [Item<'_>], due: &[usize]) {
    let threads = threads(due.len(), ALONE);
    let mut hands: Vec<Descriptors> = Vec::new();
    hands.resize_with(threads, Descriptors::default);
    for batch in due.chunks(BATCH * threads) {
        if asking.stop.load(Ordering::Relaxed) {
            return;
        }
        let reuse = |items: &[Item<'_>]| -> Vec<usize> {
            let set = |at: &usize| items[*at].ready.reuse;
            batch.iter().copied().filter(set).collect()
        };
        let before = reuse(items);
        let intents: Vec<Intent> = before
            .iter()
            .map(|&at| intent(&items[at], Change::ReuseAddress))
            .collect();
        asking.safely(items, batch, &intents, |asking, items| {
            all(&mut hands, items, batch, asking.how, asking.clock);
            answers::first_look(asking.posts, items, batch, asking.index);
            before
        });
    }
}

/// Asks the items of a batch, which is in ascending order, with as many threads
/// as there are hands.
fn all(
    hands: &mut [Descriptors],
    items: &mut [Item<'_>],
    batch: &[usize],
    how: &Probe,
    clock: &Clock,
) {
    if let [descriptors] = hands {
        for &at in batch {
            one(descriptors, &mut items[at], how, clock);
        }
        return;
    }
    let (Some(&first), Some(&last)) = (batch.first(), batch.last()) else {
        return;
    };
    let of_batch = |at: usize| batch.binary_search(&(first + at)).is_ok();
    let mut asked: Vec<&mut Item<'_>> = items[first..=last]
        .iter_mut()
        .enumerate()
        .filter_map(|(at, item)| of_batch(at).then_some(item))
        .collect();
    let share = asked.len().div_ceil(hands.len());
    std::thread::scope(|scope| {
        for (descriptors, items) in hands.iter_mut().zip(asked.chunks_mut(share)) {
            scope.spawn(move || {
                for item in items {
                    one(descriptors, item, how, clock);
                }
            });
        }
    });
}

fn one(descriptors: &mut Descriptors, item: &mut Item<'_>, how: &Probe, clock: &Clock) {
    let hold = match holders::hold(descriptors, item.ready.holders(), item.ready.socket.cookie) {
        Ok(hold) => hold,
        Err(reason) => return item.machine.on_failure(reason),
    };
    let first = item.machine.asks() == 0;
    let (read, asked) = clock.around(|| engines::repair::ask(&hold, item.ready.reuse, first));
    let at = read.earliest;
    drop(hold);
    match asked {
        Asked::Yes {
            before,
            after: (state, info),
        } => {
            item.ready.info = before;
            item.machine.on_asked(at, &before);
            item.after = Some((read, state, info));
        }
        // Once more, with the journal.
        Asked::Changed(keepalive, reuse) => {
            item.ready.keepalive = keepalive;
            item.ready.reuse = reuse;
        }
        Asked::Unsafe(refusal, state, info) => {
            (item.ready.state, item.ready.info) = (state, info);
            match refusal {
                _ if state == TcpState::Closed => item.found_closed(),
                Refusal::RepairState => switch(item, how, clock.now(), refusal.why()),
                other => item.machine.on_failure(other.why()),
            }
        }
        Asked::Refused(error) if error.is_refused() => {
            let reason = item.ready.why(&error);
            switch(item, how, clock.now(), reason);
        }
        Asked::Refused(error) => item.machine.on_failure(item.ready.why(&error)),
        Asked::TooFresh(_, info) => {
            item.machine.heard_unasked(at, &info);
            item.not_before = at + repair_ready_in(&info);
        }
    }
}
