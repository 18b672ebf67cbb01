//! Asking in batches: under the lock, with the journal written before and after.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::facts::{Cookie, Socket};
use ayt_core::probe::Engine;
use ayt_core::probe::engine::{choose, keepalive_ready_in};
use ayt_core::tcp_state::TcpState;
use ayt_sys::{Descriptors, SysError};

use super::Probe;
use super::engines::{self, Asked};
use super::journal::{Change, Intent};
use super::run::{Item, Tools, owner};
use super::watch::{Look, Posts};
use crate::clock::Clock;
use crate::collect::why;

/// Connections asked under one lock by the repair engine: about a millisecond.
const REPAIR_BATCH: usize = 64;

/// Connections asked under one lock by the keepalive engine, which has to wait
/// for a tick of the kernel's clock before it can put back.
const KEEPALIVE_BATCH: usize = 512;

/// The longest a tick can take (HZ = 100: 10 ms), with room for a busy host.
const TICK: Duration = Duration::from_millis(60);

/// How many asks `--rate` allows.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: Option<u32>,
    next: Duration,
}

impl Pace {
    pub(super) const fn new(per_second: Option<u32>) -> Self {
        Self {
            per_second,
            next: Duration::ZERO,
        }
    }

    /// How many may be asked now; counts them as asked.
    pub(super) fn allowed(&mut self, now: Duration) -> usize {
        let Some(rate) = self.per_second else {
            return usize::MAX;
        };
        if now < self.next {
            return 0;
        }
        // A share of ten milliseconds at a time, at least one.
        let share = (rate / 100).max(1);
        self.next = now + Duration::from_secs(1) * share / rate.max(1);
        share as usize
    }

    /// When the next may be asked.
    pub(super) const fn next_at(&self) -> Duration {
        self.next
    }
}

/// Asks items by the repair engine.
pub(super) fn ask_by_repair(
    tools: &mut Tools,
    items: &mut [Item<'_>],
    due: &[usize],
    how: &Probe,
    clock: &Clock,
    stop: &AtomicBool,
) {
    let mut descriptors = Descriptors::default();
    for batch in due.chunks(REPAIR_BATCH) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let reuse: Vec<usize> = batch
            .iter()
            .copied()
            .filter(|&at| items[at].ready.reuse)
            .collect();
        let intents: Vec<Intent> = reuse
            .iter()
            .map(|&at| intent(&items[at], Change::ReuseAddress))
            .collect();
        let held = tools.lock.take();
        let prepared = held
            .as_ref()
            .map_err(ToString::to_string)
            .and_then(|_| tools.journal.intend(&intents).map_err(|e| e.to_string()));
        if let Err(error) = prepared {
            fail(items, batch, &error);
            continue;
        }
        for &at in batch {
            repair_one(&mut descriptors, &mut items[at], how, clock);
        }
        let done: Vec<Cookie> = reuse
            .iter()
            .map(|&at| items[at].ready.socket.cookie)
            .collect();
        if !done.is_empty()
            && let Err(error) = tools.journal.done(&done)
        {
            fail(items, batch, &error.to_string());
        }
    }
}

fn repair_one(descriptors: &mut Descriptors, item: &mut Item<'_>, how: &Probe, clock: &Clock) {
    let hold = match descriptors.hold(owner(item)) {
        Ok(hold) => hold,
        Err(error) => return item.machine.on_failure(why(owner(item), &error)),
    };
    let before = clock.now();
    let asked = engines::repair::ask(&hold, item.ready.socket.cookie, item.ready.reuse);
    drop(hold);
    match asked {
        Asked::Yes(state, info) => {
            item.machine.on_asked(before);
            item.machine.on_info(clock.now(), state, &info);
        }
        Asked::OtherSocket => item.machine.on_failure(Why::Vanished),
        // Once more, with the journal.
        Asked::Changed(keepalive, reuse) => {
            item.ready.keepalive = keepalive;
            item.ready.reuse = reuse;
        }
        Asked::Refused(error) => refused(item, how, &error),
    }
}

/// The repair engine was refused: perhaps the keepalive engine may.
fn refused(item: &mut Item<'_>, how: &Probe, error: &SysError) {
    match choose(&item.askable(), how.engine) {
        Ok(engine @ Engine::Keepalive) if error.is_refused() => {
            item.not_before = keepalive_ready_in(&item.ready.info);
            item.ready.engine = engine;
        }
        _ => item.machine.on_failure(why(owner(item), error)),
    }
}

/// Asks items by the keepalive engine, and puts their settings back once the
/// kernel has sent the probes.
pub(super) fn ask_by_keepalive(
    tools: &mut Tools,
    items: &mut [Item<'_>],
    due: &[usize],
    posts: &mut Posts,
    clock: &Clock,
) {
    for batch in due.chunks(KEEPALIVE_BATCH) {
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
        let held = tools.lock.take();
        let prepared = held
            .as_ref()
            .map_err(ToString::to_string)
            .and_then(|_| tools.journal.intend(&intents).map_err(|e| e.to_string()));
        if let Err(error) = prepared {
            fail(items, batch, &error);
            continue;
        }
        let mut descriptors = Descriptors::default();
        let mut touched = Vec::new();
        for &at in batch {
            if keepalive_one(&mut descriptors, &mut items[at], clock) {
                touched.push(at);
            }
        }
        wait_for_tick(items, &touched, posts, clock);
        let restored = put_back(&mut descriptors, items, &touched);
        let untouched = batch.iter().filter(|at| !touched.contains(at));
        let done: Vec<Cookie> = restored
            .iter()
            .chain(untouched)
            .map(|&at| items[at].ready.socket.cookie)
            .collect();
        if let Err(error) = tools.journal.done(&done) {
            fail(items, batch, &error.to_string());
        }
    }
}

fn keepalive_one(descriptors: &mut Descriptors, item: &mut Item<'_>, clock: &Clock) -> bool {
    let hold = match descriptors.hold(owner(item)) {
        Ok(hold) => hold,
        Err(error) => {
            item.machine.on_failure(why(owner(item), &error));
            return false;
        }
    };
    let before = clock.now();
    let asked = engines::keepalive::ask(&hold, item.ready.socket.cookie, &item.ready.keepalive);
    drop(hold);
    match asked {
        Asked::Yes(_, info) => {
            // The account right before the kernel's timer fires.
            item.ready.info = info;
            item.machine.on_asked(before);
            item.pinned = true;
            true
        }
        Asked::OtherSocket => {
            item.machine.on_failure(Why::Vanished);
            false
        }
        Asked::Changed(keepalive, _) => {
            item.ready.keepalive = keepalive;
            if let Err(refusal) = choose(&item.askable(), Some(Engine::Keepalive)) {
                item.machine.on_failure(refusal.why());
            }
            false
        }
        Asked::Refused(error) => {
            item.machine.on_failure(why(owner(item), &error));
            // It may have been set in part.
            true
        }
    }
}

/// Waits until the kernel has sent the probe of each: the count of unanswered
/// probes has grown, or an answer has come.
fn wait_for_tick(items: &mut [Item<'_>], touched: &[usize], posts: &mut Posts, clock: &Clock) {
    let until = clock.now() + TICK;
    let mut waiting: Vec<usize> = touched.to_vec();
    while !waiting.is_empty() && clock.now() < until {
        std::thread::sleep(Duration::from_millis(1));
        let mut still = Vec::new();
        for (&ns, post) in posts.iter_mut() {
            let here: Vec<usize> = waiting
                .iter()
                .copied()
                .filter(|&at| items[at].ready.socket.ns == ns)
                .collect();
            let sockets: Vec<&Socket> = here.iter().map(|&at| items[at].ready.socket).collect();
            let looked = post.look(&sockets, |nth, look| {
                let item = &mut items[here[nth]];
                if let Look::There(state, info) = look {
                    item.machine.on_info(clock.now(), state, &info);
                    let sent = info.probes != item.ready.info.probes
                        || info.segs_in != item.ready.info.segs_in;
                    if !sent {
                        still.push(here[nth]);
                    }
                }
            });
            if looked.is_err() {
                // Unseen: the full time is enough for any clock.
                std::thread::sleep(until.saturating_sub(clock.now()));
                return;
            }
        }
        waiting = still;
    }
}

/// Puts settings back; returns for which there is nothing left to do.
fn put_back(
    descriptors: &mut Descriptors,
    items: &mut [Item<'_>],
    touched: &[usize],
) -> Vec<usize> {
    touched
        .iter()
        .copied()
        .filter(|&at| {
            let ready = &items[at].ready;
            let hold = match descriptors.hold(&ready.owner) {
                Ok(hold) => hold,
                // Closed meanwhile: nothing is left to put back.
                Err(error) => return error.is_gone(),
            };
            if !engines::is_same(&hold, ready.socket.cookie) {
                return true;
            }
            let before = ready.keepalive;
            match engines::keepalive::put_back(&hold, before.enabled, before.idle_s) {
                Ok(()) => true,
                Err(_) => hold
                    .tcp_info()
                    .is_ok_and(|(state, _)| state == TcpState::Closed),
            }
        })
        .collect()
}

fn intent(item: &Item<'_>, change: Change) -> Intent {
    let owner = owner(item);
    Intent {
        ns: u64::from(item.ready.socket.ns.0),
        cookie: item.ready.socket.cookie.0,
        pid: owner.pid,
        fd: owner.fd,
        change,
    }
}

fn fail(items: &mut [Item<'_>], batch: &[usize], error: &str) {
    for &at in batch {
        items[at].machine.on_failure(Why::Failed {
            operation: "ask safely".to_owned(),
            error: error.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_kept_over_time() {
        for rate in [1, 50, 1_000, 33_333] {
            let mut pace = Pace::new(Some(rate));
            let (mut asked, mut now) = (0, Duration::ZERO);
            while now < Duration::from_secs(10) {
                asked += pace.allowed(now);
                now = pace.next_at().max(now + Duration::from_micros(1));
            }
            let wanted = f64::from(rate) * 10.0;
            assert!(asked as f64 <= wanted * 1.02 + 1.0, "{rate}: {asked}");
            assert!(asked as f64 >= wanted * 0.95 - 1.0, "{rate}: {asked}");
        }
        assert_eq!(Pace::new(None).allowed(Duration::ZERO), usize::MAX);
    }
}
