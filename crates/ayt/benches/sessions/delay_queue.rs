//! One `tokio_util::time::DelayQueue` for all, reset with each chunk.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

use super::load::{PATIENCE, TICK};
use super::{Contender, cpu};

pub(crate) struct Queue {
    runtime: Runtime,
    queue: DelayQueue<u32>,
    keys: Vec<Key>,
}

impl Queue {
    pub(crate) fn new(count: usize) -> Self {
        let runtime = super::paused_runtime(Builder::new_current_thread());
        let (queue, keys) = runtime.block_on(async {
            let mut queue = DelayQueue::new();
            let mut keys = Vec::new();
            for session in 0..count {
                keys.push(queue.insert(session as u32, PATIENCE));
                if session.is_multiple_of(count / 600 + 1) {
                    tokio::time::advance(TICK).await;
                }
            }
            (queue, keys)
        });
        Self {
            runtime,
            queue,
            keys,
        }
    }
}

impl Contender for Queue {
    fn name(&self) -> &'static str {
        "tokio-util `DelayQueue`, reset per chunk"
    }

    fn run(&mut self, ticks: &[Vec<u32>]) -> Duration {
        let Self {
            runtime,
            queue,
            keys,
        } = self;
        // Not looked up in the time that counts, as with ours.
        let ticks: Vec<Vec<Key>> = ticks
            .iter()
            .map(|picks| picks.iter().map(|&pick| keys[pick as usize]).collect())
            .collect();
        runtime.block_on(async {
            let start = cpu::cpu();
            for chunks in &ticks {
                for key in chunks {
                    queue.reset(key, PATIENCE);
                }
                tokio::time::advance(TICK).await;
                poll_fn(|context| {
                    while let Poll::Ready(Some(due)) = queue.poll_expired(context) {
                        // It is asked, and answers.
                        let session = due.into_inner();
                        let key = queue.insert(session, PATIENCE);
                        // It has the place that has just become free.
                        assert_eq!(key, keys[session as usize]);
                    }
                    Poll::Ready(())
                })
                .await;
            }
            cpu::cpu() - start
        })
    }
}
