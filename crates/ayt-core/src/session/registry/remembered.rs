//! What is remembered of sessions that are over, so that their client can be told
//! how far it got.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::{Held, Secret};
use crate::session::frame::Bits128;
use crate::session::traffic::Numbers;

/// One session that is over.
#[derive(Debug, Clone)]
pub(super) struct Gone<T> {
    pub(super) name: Bits128,
    /// Its last one.
    pub(super) epoch: u64,
    pub(super) secrets: [Option<Secret>; 2],
    pub(super) numbers: Numbers,
    /// As long as something of it may still be read or handed over.
    pub(super) handle: Option<T>,
}

/// The last session of each identity, of so many identities at most.
#[derive(Debug, Clone)]
pub(super) struct Remembered<T> {
    most: usize,
    next: u64,
    by_identity: HashMap<Bytes, (u64, Gone<T>)>,
    by_age: BTreeMap<u64, Bytes>,
}

impl<T: Held> Remembered<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            next: 0,
            by_identity: HashMap::new(),
            by_age: BTreeMap::new(),
        }
    }

    pub(super) fn insert(&mut self, identity: &Bytes, gone: Gone<T>) {
        self.next += 1;
        self.by_age.insert(self.next, identity.clone());
        if let Some((age, _)) = self.by_identity.insert(identity.clone(), (self.next, gone)) {
            self.by_age.remove(&age);
        }
        if self.by_age.len() > self.most
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_identity.remove(&oldest);
        }
    }

    pub(super) fn get(&self, identity: &[u8], name: &Bits128) -> Option<&Gone<T>> {
        let (_, gone) = self.by_identity.get(identity)?;
        (gone.name == *name).then_some(gone)
    }

    /// Everything of that epoch was read and handed over: only numbers are left.
    pub(super) fn all_read(&mut self, identity: &[u8], epoch: u64) {
        if let Some((_, gone)) = self.by_identity.get_mut(identity)
            && gone.epoch == epoch
            && let Some(handle) = gone.handle.take()
        {
            gone.numbers = handle.numbers();
        }
    }

    /// Nothing more of it is handed over: where it stands for good.
    pub(super) fn settle(&mut self, identity: &[u8], name: &Bits128) -> Option<Numbers> {
        let (_, gone) = self.by_identity.get_mut(identity)?;
        if gone.name != *name {
            return None;
        }
        if let Some(handle) = gone.handle.take() {
            gone.numbers = handle.settle();
        }
        Some(gone.numbers)
    }

    pub(super) fn len(&self) -> usize {
        self.by_age.len()
    }
}
