//! Asking in batches: under the lock, with the journal written before and after.

mod keepalive;
mod pace;
mod repair;
mod restore;

use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use ayt_core::fact::Why;
use ayt_core::facts::Cookie;

use super::Probe;
use super::journal::{Change, Intent};
use super::run::{Item, Tools};
use super::watch::{Index, Posts};
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
        let (by_repair, by_keepalive): (Vec<usize>, Vec<usize>) = due
            .into_iter()
            .partition(|&at| items[at].ready.engine == super::Engine::Repair);
        repair::ask(self, items, &by_repair);
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
    let owner = &item.ready.owner;
    Intent {
        ns: u64::from(item.ready.socket.ns.0),
        cookie: item.ready.socket.cookie.0,
        inode: item.ready.socket.inode,
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
