//! Compare and set, and kicks, at once: every order there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::{Conflict, Kick, Memory, Node, Record, SessionStore};
use crate::explore::{block_on, exhaust, spawn};

fn record(node: &Node, epoch: u64) -> Record {
    Record {
        node: node.clone(),
        epoch,
        connected: true,
    }
}

/// Takes the identity over, and kicks whoever had it.
async fn take_over(store: &Memory, node: Node) -> u64 {
    let id = Bytes::from_static(b"device");
    loop {
        let before = store.get(&id).await.unwrap();
        let epoch = before.as_ref().map_or(1, |before| before.epoch + 1);
        let new = record(&node, epoch);
        match store.compare_and_set(&id, before.as_ref(), new).await {
            Ok(()) => {}
            Err(Conflict::Changed(now)) => {
                assert_ne!(now, before, "nobody was faster");
                continue;
            }
            Err(Conflict::Unavailable(error)) => panic!("{error}"),
        }
        if let Some(before) = before {
            let kick = Kick {
                identity: id.clone(),
                epoch: before.epoch,
            };
            store.kick(&before.node, kick).await.unwrap();
        }
        return epoch;
    }
}

#[test]
fn each_epoch_is_given_once_and_each_loser_is_kicked() {
    exhaust(|| {
        let store = Arc::new(Memory::new());
        let kicked = Arc::new(AtomicUsize::new(0));
        let nodes = ["a", "b"].map(Node::new);
        let listeners = nodes.each_ref().map(|node| store.kicks(node));
        let tasks = nodes.map(|node| {
            let store = store.clone();
            spawn(async move { take_over(&store, node).await })
        });
        block_on(async {
            let mut epochs = Vec::new();
            for task in tasks {
                epochs.push(task.await.unwrap());
            }
            epochs.sort_unstable();
            assert_eq!(epochs, [1, 2]);
            let last = store
                .get(&Bytes::from_static(b"device"))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(last.epoch, 2);
            drop(store);
            for mut kicks in listeners {
                while let Some(kick) = kicks.next().await {
                    assert_eq!(kick.epoch, 1);
                    kicked.fetch_add(1, Ordering::Relaxed);
                }
            }
            assert_eq!(kicked.load(Ordering::Relaxed), 1);
        });
    });
}
