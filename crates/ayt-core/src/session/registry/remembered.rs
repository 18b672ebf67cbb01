//! What is remembered of sessions that are over, so that their client can be told
//! how far it got.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::Secret;
use crate::session::frame::Bits128;
use crate::session::traffic::Numbers;

/// One session that is over.
#[derive(Debug, Clone)]
pub(super) struct Gone {
    pub(super) name: Bits128,
    pub(super) secrets: [Option<Secret>; 2],
    pub(super) numbers: Numbers,
}

/// The last session of each identity, of so many identities at most.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    most: usize,
    next: u64,
    by_identity: HashMap<Bytes, (u64, Gone)>,
    by_age: BTreeMap<u64, Bytes>,
}

impl Remembered {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            next: 0,
            by_identity: HashMap::new(),
            by_age: BTreeMap::new(),
        }
    }

    pub(super) fn insert(&mut self, identity: &Bytes, gone: Gone) {
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

    pub(super) fn get(&self, identity: &[u8], name: &Bits128) -> Option<&Gone> {
        let (_, gone) = self.by_identity.get(identity)?;
        (gone.name == *name).then_some(gone)
    }

    pub(super) fn len(&self) -> usize {
        self.by_age.len()
    }
}
