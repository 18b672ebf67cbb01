//! Asking by the keepalive engine: set, wait for the kernel's tick, put back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::facts::Socket;
use ayt_core::probe::engine::{keepalive_may_ask, keepalive_ready_in};
use ayt_core::probe::{ASKS, Engine};
use ayt_sys::Descriptors;

use super::super::engines::keepalive::Seen;
use super::super::engines::{self, Asked};
use super::super::holders;
use super::super::journal::{Change, Intent};
use super::super::run::Item;
use super::super::watch::Look;
use super::{Asking, intent, restore};
use crate::collect::why;

/// Connections asked under one lock, which is held until the kernel's next tick.
const BATCH: usize = 512;

/// The longest a tick can take (HZ = 100: 10 ms), and the 50 ms after which the
/// kernel tries again when the owner was just using the socket.
const TICK: Duration = Duration::from_millis(70);

/// How often the kernel may fail to send at a tick.
const TRIES: u8 = 20;

/// An ask whose probe the kernel has not been seen to send yet.
struct Set {
    item: usize,
    at: Duration,
}

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
            let (mut set, mut done) = (Vec::new(), Vec::new());
            for &at in batch {
                match one(asking, &mut descriptors, &mut items[at]) {
                    Some(asked_at) => set.push(Set {
                        item: at,
                        at: asked_at,
                    }),
                    None => done.push(at),
                }
            }
            let touched: Vec<usize> = set.iter().map(|set| set.item).collect();
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
    let at = asking.clock.now();
    let by_name = asking.how.engine == Some(Engine::Keepalive);
    let left = ASKS.saturating_sub(item.machine.asks());
    let may_ask = |seen: &Seen| keepalive_may_ask(&item.askable_as(seen), left, by_name);
    let asked = engines::keepalive::ask(&hold, &item.ready.keepalive, may_ask);
    drop(hold);
    match asked {
        Asked::Yes { before, .. } => {
            item.ready.info = before;
            item.pinned = true;
            return Some(at);
        }
        Asked::TooFresh(state, info) => {
            item.machine.on_info(at, state, &info);
            item.machine.heard_unasked(&info);
            item.not_before = at + keepalive_ready_in(&info);
        }
        // Once more, with the journal.
        Asked::Changed(keepalive, _) => item.ready.keepalive = keepalive,
        Asked::Unsafe(refusal, state, info) => {
            item.machine.on_info(at, state, &info);
            item.machine.heard_unasked(&info);
            item.machine.on_failure(refusal.why());
        }
        Asked::Refused(error) => item.machine.on_failure(why(&item.ready.owner, &error)),
    }
    None
}

/// Waits until the kernel has sent the probe of each: the count of unanswered
/// probes has grown, or something has come. Only what was sent is an ask.
fn wait_for_tick(asking: &mut Asking<'_>, items: &mut [Item<'_>], mut waiting: Vec<Set>) {
    let clock = asking.clock;
    let until = clock.now() + TICK;
    while !waiting.is_empty() && clock.now() < until {
        std::thread::sleep(Duration::from_millis(1));
        let mut sent = vec![false; waiting.len()];
        for (&ns, post) in asking.posts.iter_mut() {
            let here: Vec<usize> = (0..waiting.len())
                .filter(|&nth| items[waiting[nth].item].ready.socket.ns == ns)
                .collect();
            let sockets: Vec<&Socket> = here
                .iter()
                .map(|&nth| items[waiting[nth].item].ready.socket)
                .collect();
            let looked = post.look(&sockets, |nth, look| {
                let set = &waiting[here[nth]];
                let item = &mut items[set.item];
                let before = item.ready.info;
                sent[here[nth]] = match look {
                    Look::There(state, info) => {
                        let sent = info.probes != before.probes || info.segs_in != before.segs_in;
                        if sent {
                            item.machine.on_asked(set.at, &before);
                            item.machine.on_info(clock.now(), state, &info);
                        }
                        sent
                    }
                    // Reset by the answer, or closed: seen again by the loop.
                    Look::Gone | Look::Closing => {
                        item.machine.on_asked(set.at, &before);
                        true
                    }
                    Look::Failed(_) => false,
                };
            });
            if looked.is_err() {
                // Unseen: the full time is enough for any clock.
                std::thread::sleep(until.saturating_sub(clock.now()));
            }
        }
        let mut sent = sent.into_iter();
        waiting.retain(|_| !sent.next().unwrap_or(false));
    }
    for set in waiting {
        let item = &mut items[set.item];
        item.unsent += 1;
        if item.unsent >= TRIES {
            item.machine.on_failure(Why::Failed {
                operation: "have the kernel send a keepalive probe".to_owned(),
                error: "its timer did not fire".to_owned(),
            });
        }
    }
}
