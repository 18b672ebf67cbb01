//! Asking in batches: under the lock, with the journal written before and after.

mod keepalive;
mod pace;
mod raw;
mod repair;
mod restore;

use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::facts::Cookie;
use ayt_core::probe::engine::{choose, keepalive_ready_in};

use super::journal::{Change, Intent};
use super::run::{Item, Tools};
use super::watch::{Index, Posts};
use super::{Engine, Probe};
use crate::clock::Clock;

pub(super) use pace::Pace;

/// What asking needs beside the connections.
pub(super) struct Asking<'a> {
    pub(super) tools: &'a mut Tools,
    pub(super) posts: &'a mut Posts,
    pub(super) index: &'a Index,
    pub(super) how: &'a Probe,
    pub(super) clock: &'a Clock,
    pub(super) stop: &'a AtomicBool,
}

impl Asking<'_> {
    /// Asks the items that are due, each by its engine.
    pub(super) fn ask(&mut self, items: &mut [Item<'_>], due: Vec<usize>) {
        let mut by_engine = [const { Vec::new() }; 3];
        for at in due {
            by_engine[items[at].ready.engine as usize].push(at);
        }
        let [by_repair, by_keepalive, by_raw] = by_engine;
        repair::ask(self, items, &by_repair);
        raw::ask(self, items, &by_raw);
        keepalive::ask(self, items, &by_keepalive);
    }

    /// Does `work` on a batch under the lock, after its intents are written
    /// down; `work` returns the items for which nothing is left to put back.
    fn safely(
        &mut self,
        items: &mut [Item<'_>],
        batch: &[usize],
        intents: &[Intent],
        work: impl FnOnce(&mut Self, &mut [Item<'_>]) -> Vec<usize>,
    ) {
        let lock = Rc::clone(&self.tools.lock);
        let _held = match lock.take() {
            Ok(held) => held,
            Err(error) => return fail(items, batch, &error.to_string()),
        };
        if let Err(error) = self.tools.journal.intend(intents) {
            return fail(items, batch, &error.to_string());
        }
        let done = work(self, items);
        let done: Vec<Cookie> = done
            .iter()
            .map(|&at| items[at].ready.socket.cookie)
            .collect();
        if !intents.is_empty()
            && let Err(error) = self.tools.journal.done(&done)
        {
            fail(items, batch, &error.to_string());
        }
    }
}

fn intent(item: &Item<'_>, change: Change) -> Intent {
    // Only what a descriptor leads to is ever changed.
    let (pid, fd) = item
        .ready
        .owner
        .map_or((0, 0), |owner| (owner.pid, owner.fd));
    Intent {
        ns: u64::from(item.ready.socket.ns.0),
        cookie: item.ready.socket.cookie.0,
        inode: item.ready.socket.inode,
        pid,
        fd,
        change,
    }
}

/// The engine chosen at first cannot ask after all: perhaps another one may.
fn switch(item: &mut Item<'_>, how: &Probe, now: Duration, reason: Why) {
    let mut choice = choose(&item.askable(), how.engine);
    let tried = item.ready.engine;
    for (engine, why) in &mut choice.passed_over {
        if *engine == tried {
            *why = reason.clone();
        }
    }
    match choice.engine {
        Some(engine) if engine != tried => {
            item.not_before = match engine {
                Engine::Keepalive => now + keepalive_ready_in(&item.ready.info),
                Engine::Repair | Engine::Raw => now,
            };
            item.ready.engine = engine;
        }
        Some(_) => item.machine.on_failure(reason),
        None => {
            let why = choice.why_none().cloned().unwrap_or(reason);
            item.machine.on_failure(why);
        }
    }
    item.ready.choice = choice;
}

fn fail(items: &mut [Item<'_>], batch: &[usize], error: &str) {
    for &at in batch {
        items[at].machine.on_failure(Why::Failed {
            operation: "ask safely".to_owned(),
            error: error.to_owned(),
        });
    }
}
