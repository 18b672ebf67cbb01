//! What must be true at every moment.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use shuttle::rand::{Rng as _, thread_rng};

use super::super::book::Book;
use crate::explore::yield_now;
use crate::session::store::{
    Answer, Conflict, Kick, Kicks, Memory, Node, Record, SessionStore, Unavailable,
};

/// Under the book's lock, whenever it was changed: an identity has at most one live
/// session, which is the current one.
pub(in super::super) fn holds(book: &Book) {
    let mut live: HashMap<&Bytes, usize> = HashMap::new();
    for kept in book.conns.values() {
        if kept.core.is_connected() {
            *live.entry(&kept.identity).or_default() += 1;
            let current = book.registry.current(&kept.identity);
            let is_current = current.is_some_and(|(_, _, keep)| Arc::ptr_eq(&keep.0, kept));
            assert!(is_current, "a session lives that is not the current one");
        }
    }
    for (identity, live) in live {
        assert!(live <= 1, "{live} live sessions of {identity:?}");
    }
}

/// A store that sees to it that epochs only grow.
#[derive(Debug)]
pub(super) struct Witness {
    store: Arc<Memory>,
    /// The answer to a compare-and-set comes up to so many turns later.
    away: usize,
}

impl Witness {
    pub(super) const fn new(store: Arc<Memory>, away: usize) -> Self {
        Self { store, away }
    }
}

impl SessionStore for Witness {
    fn get<'a>(&'a self, identity: &'a Bytes) -> Answer<'a, Result<Option<Record>, Unavailable>> {
        self.store.get(identity)
    }

    fn compare_and_set<'a>(
        &'a self,
        identity: &'a Bytes,
        expected: Option<&'a Record>,
        new: Record,
    ) -> Answer<'a, Result<(), Conflict>> {
        if let Some(before) = expected {
            let only_told = before.node == new.node && before.epoch == new.epoch;
            assert!(new.epoch > before.epoch || only_told, "{before:?} {new:?}");
        }
        Box::pin(async move {
            let set = self.store.compare_and_set(identity, expected, new).await;
            // The answer takes its way.
            for _ in 0..thread_rng().gen_range(0..=self.away) {
                yield_now().await;
            }
            set
        })
    }

    fn forget<'a>(
        &'a self,
        identity: &'a Bytes,
        expected: &'a Record,
    ) -> Answer<'a, Result<(), Unavailable>> {
        self.store.forget(identity, expected)
    }

    fn kick<'a>(&'a self, node: &'a Node, kick: Kick) -> Answer<'a, Result<(), Unavailable>> {
        self.store.kick(node, kick)
    }

    fn kicks(&self, node: &Node) -> Box<dyn Kicks> {
        self.store.kicks(node)
    }
}
