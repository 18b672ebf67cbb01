//! Asking by the keepalive engine: set, wait for the kernel's tick, put back.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::probe::engine::{keepalive_may_ask, keepalive_ready_in};
use ayt_core::probe::{ASKS, Engine, Refusal};
use ayt_core::tcp_state::TcpState;
use ayt_sys::Descriptors;

use super::super::engines::keepalive::Seen;
use super::super::engines::{self, Asked};
use super::super::journal::{Change, Intent};
use super::super::run::Item;
use super::super::watch::Look;
use super::super::{answers, holders};
use super::{Asking, intent, restore, switch};

/// Connections asked under one lock, which is held until the kernel's next tick.
const BATCH: usize = 512;

/// The longest a tick can take (HZ = 100: 10 ms), and the 50 ms after which the
/// kernel tries again when the owner was just using the socket.
const TICK: Duration = Duration::from_millis(70);

/// How often the kernel may fail to send at a tick.
const TRIES: u8 = 20;

/// Asks items.
pub(super) fn ask(asking: &mut Asking<'_>, items: &mut [Item<'_>], due: &[usize]) {
    let mut descriptors = Descriptors::default();
    for batch in due.chunks(BATCH) {
        if asking.stop.load(Ordering::Relaxed) {
            return;
        }
        let intents: Vec<Intent> = batch
            .iter()
            .map(|&at| {
                let before = items[at].ready.keepalive;
                let change = Change::Keepalive {
                    enabled: before.enabled,
                    idle_s: before.idle_s,
                };
                intent(&items[at], change)
            })
            .collect();
        asking.safely(items, batch, &intents, |asking, items| {
            let (mut set, mut done) = (BTreeMap::new(), Vec::new());
            for &at in batch {
                match one(asking, &mut descriptors, &mut items[at]) {
                    Some(asked_at) => drop(set.insert(at, asked_at)),
                    None => done.push(at),
                }
            }
            let touched: Vec<usize> = set.keys().copied().collect();
            wait_for_tick(asking, items, set);
            done.extend(restore::all(
                &mut descriptors,
                items,
                &touched,
                asking.posts,
            ));
            done
        });
    }
}

/// Makes one timer due; returns when.
fn one(
    asking: &Asking<'_>,
    descriptors: &mut Descriptors,
    item: &mut Item<'_>,
) -> Option<Duration> {
    let hold = match holders::hold(descriptors, item.ready.holders(), item.ready.socket.cookie) {
        Ok(hold) => hold,
        Err(reason) => {
            item.machine.on_failure(reason);
            return None;
        }
    };
    let by_name = asking.how.engine == Some(Engine::Keepalive);
    let left = ASKS.saturating_sub(item.machine.asks());
    let may_ask = |seen: &Seen| keepalive_may_ask(&item.askable_as(seen), left, by_name);
    let ask = || engines::keepalive::ask(&hold, &item.ready.keepalive, may_ask);
    let (read, asked) = asking.clock.around(ask);
    let at = read.earliest;
    drop(hold);
    match asked {
        Asked::Yes { before, .. } => {
            item.ready.info = before;
            item.pinned = true;
            return Some(at);
        }
        Asked::TooFresh(state, info) => {
            item.machine.on_info(read, state, &info);
            item.machine.heard_unasked(at, &info);
            item.not_before = at + keepalive_ready_in(&info);
        }
        // Once more, with the journal.
        Asked::Changed(keepalive, _) => item.ready.keepalive = keepalive,
        Asked::Unsafe(_, TcpState::Closed, _) => item.found_closed(),
        Asked::Unsafe(refusal, state, info) => {
            item.machine.on_info(read, state, &info);
            item.machine.heard_unasked(at, &info);
            (item.ready.state, item.ready.info) = (state, info);
            // The asks made so far were the kernel's: the rest must be, too.
            let first = item.machine.asks() == 0 && item.machine.verdict().is_none();
            if first && refusal != Refusal::InRepair {
                switch(item, asking.how, at, refusal.why());
            } else {
                item.machine.on_failure(refusal.why());
            }
        }
        Asked::Refused(error) => item.machine.on_failure(item.ready.why(&error)),
    }
    None
}

/// Waits until the kernel has sent the probe of each: the count of unanswered
/// probes has grown, or something has come. Only what was sent is an ask.
fn wait_for_tick(
    asking: &mut Asking<'_>,
    items: &mut [Item<'_>],
    mut waiting: BTreeMap<usize, Duration>,
) {
    let clock = asking.clock;
    let until = clock.now() + TICK;
    let mut descriptors = Descriptors::default();
    while !waiting.is_empty() && clock.now() < until {
        std::thread::sleep(Duration::from_millis(1));
        for (&ns, post) in asking.posts.iter_mut() {
            let here: Vec<usize> = waiting
                .keys()
                .copied()
                .filter(|&at| items[at].ready.socket.ns == ns)
                .collect();
            let look = || answers::look_at(ns, post, items, &here, asking.index);
            let (read, Ok(looks)) = clock.around(look) else {
                // Unseen: the full time is enough for any clock.
                std::thread::sleep(until.saturating_sub(clock.now()));
                continue;
            };
            for (at, look) in looks {
                let item = &mut items[at];
                let before = item.ready.info;
                let sent = match &look {
                    Look::There(_, info) => {
                        info.probes != before.probes || info.segs_in != before.segs_in
                    }
                    // Reset by the answer, or closed: seen again by the loop.
                    Look::Gone | Look::Closing => true,
                    Look::Failed(_) => false,
                };
                if !sent {
                    continue;
                }
                if let Some(asked_at) = waiting.remove(&at) {
                    item.machine.on_asked(asked_at, &before);
                }
                if let Look::There(state, info) = look {
                    answers::heard(&mut descriptors, post, item, read, state, &info);
                }
            }
        }
    }
    for at in waiting.into_keys() {
        let item = &mut items[at];
        item.unsent += 1;
        if item.unsent >= TRIES {
            item.machine.on_failure(Why::Failed {
                operation: "have the kernel send a keepalive probe".to_owned(),
                error: "its timer did not fire".to_owned(),
            });
        }
    }
}
