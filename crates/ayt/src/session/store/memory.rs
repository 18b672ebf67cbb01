//! The records of one process.

use std::collections::HashMap;
use std::future::ready;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Answer, Conflict, Kick, Kicks, Node, Record, SessionStore, Unavailable};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// The records of one process: servers of one process that share it keep one live session
/// for each identity between them.
///
/// It costs about 150 bytes and the identity for each session. It never fails and never
/// waits. A kick for a node that nobody listens for is dropped: that server is gone.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: HashMap<Bytes, Record>,
    /// Unbounded, and yet bounded: a node is sent one kick for each session it holds.
    listeners: HashMap<Node, mpsc::UnboundedSender<Kick>>,
}

impl Memory {
    /// Nobody holds anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many identities have a record.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    /// No identity has a record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one call on a map: it is whole also after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for Memory {
    fn get<'a>(&'a self, identity: &'a Bytes) -> Answer<'a, Result<Option<Record>, Unavailable>> {
        let record = self.lock().records.get(identity).cloned();
        Box::pin(ready(Ok(record)))
    }

    fn compare_and_set<'a>(
        &'a self,
        identity: &'a Bytes,
        expected: Option<&'a Record>,
        new: Record,
    ) -> Answer<'a, Result<(), Conflict>> {
        let mut state = self.lock();
        let current = state.records.get(identity);
        let result = if current == expected {
            state.records.insert(identity.clone(), new);
            Ok(())
        } else {
            Err(Conflict::Changed(current.cloned()))
        };
        drop(state);
        Box::pin(ready(result))
    }

    fn forget<'a>(
        &'a self,
        identity: &'a Bytes,
        expected: &'a Record,
    ) -> Answer<'a, Result<(), Unavailable>> {
        let mut state = self.lock();
        if state.records.get(identity) == Some(expected) {
            state.records.remove(identity);
        }
        drop(state);
        Box::pin(ready(Ok(())))
    }

    fn kick<'a>(&'a self, node: &'a Node, kick: Kick) -> Answer<'a, Result<(), Unavailable>> {
        let mut state = self.lock();
        if let Some(listener) = state.listeners.get(node)
            && listener.send(kick).is_err()
        {
            state.listeners.remove(node);
        }
        drop(state);
        Box::pin(ready(Ok(())))
    }

    fn kicks(&self, node: &Node) -> Box<dyn Kicks> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().listeners.insert(node.clone(), sender);
        Box::new(Listener(receiver))
    }
}

struct Listener(mpsc::UnboundedReceiver<Kick>);

impl Kicks for Listener {
    fn next(&mut self) -> Answer<'_, Option<Kick>> {
        Box::pin(self.0.recv())
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    fn record(node: &str, epoch: u64) -> Record {
        Record {
            node: Node::new(node),
            epoch,
            connected: true,
        }
    }

    #[tokio::test]
    async fn of_two_that_compare_and_set_one_loses() {
        let store = Memory::new();
        let id = Bytes::from_static(b"device");
        let (a, b) = (record("a", 1), record("b", 2));
        assert!(store.compare_and_set(&id, None, a.clone()).await.is_ok());
        let lost = store.compare_and_set(&id, None, b.clone()).await;
        assert!(matches!(lost, Err(Conflict::Changed(Some(now))) if now == a));
        assert!(
            store
                .compare_and_set(&id, Some(&a), b.clone())
                .await
                .is_ok()
        );
        store.forget(&id, &a).await.unwrap();
        assert_eq!(store.get(&id).await.unwrap(), Some(b.clone()));
        store.forget(&id, &b).await.unwrap();
        assert!(store.is_empty());
    }

    #[tokio::test]
    async fn a_kick_reaches_its_node_only_and_a_dropped_wait_takes_none() {
        let store = Memory::new();
        let (a, b) = (Node::new("a"), Node::new("b"));
        let (mut to_a, mut to_b) = (store.kicks(&a), store.kicks(&b));
        drop(to_a.next());
        let kick = Kick {
            identity: Bytes::from_static(b"device"),
            epoch: 7,
        };
        store.kick(&a, kick.clone()).await.unwrap();
        assert_eq!(to_a.next().await, Some(kick.clone()));
        drop(to_a);
        store.kick(&a, kick.clone()).await.unwrap();
        store.kick(&Node::new("nobody"), kick).await.unwrap();
        drop(store);
        assert_eq!(to_b.next().await, None);
    }
}
