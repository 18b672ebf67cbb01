//! A task for each session that waits for a chunk, with `tokio::time::timeout`
//! around the wait, or without: what is then left is the waking itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::load::{PATIENCE, TICK};
use super::{Contender, cpu};

pub(crate) struct Tasks {
    name: &'static str,
    runtime: Runtime,
    sessions: Arc<[Notify]>,
    handled: Arc<AtomicU64>,
    sent: u64,
}

impl Tasks {
    pub(crate) fn with_timeout(sessions: usize) -> Self {
        Self::new("tokio `timeout` per read, in a task", sessions, true)
    }

    pub(crate) fn without(sessions: usize) -> Self {
        Self::new("the same tasks without a timeout", sessions, false)
    }

    fn new(name: &'static str, count: usize, timed: bool) -> Self {
        let runtime = super::paused_runtime(Builder::new_current_thread());
        let sessions: Arc<[Notify]> = (0..count).map(|_| Notify::new()).collect();
        let handled = Arc::new(AtomicU64::new(0));
        for session in 0..count {
            let (sessions, handled) = (sessions.clone(), handled.clone());
            runtime.spawn(async move {
                let chunk = &sessions[session];
                loop {
                    if !timed {
                        chunk.notified().await;
                    } else if timeout(PATIENCE, chunk.notified()).await.is_err() {
                        // It is asked, and answers.
                        continue;
                    }
                    handled.fetch_add(1, Ordering::Relaxed);
                }
            });
            if session.is_multiple_of(count / 600 + 1) {
                // They come during a minute.
                runtime.block_on(tokio::time::advance(TICK));
            }
        }
        Self {
            name,
            runtime,
            sessions,
            handled,
            sent: 0,
        }
    }
}

impl Contender for Tasks {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, ticks: &[Vec<u32>]) -> Duration {
        let Self {
            runtime,
            sessions,
            handled,
            sent,
            ..
        } = self;
        runtime.block_on(async {
            let start = cpu::cpu();
            for picks in ticks {
                for &pick in picks {
                    sessions[pick as usize].notify_one();
                }
                *sent += picks.len() as u64;
                while handled.load(Ordering::Relaxed) < *sent {
                    tokio::task::yield_now().await;
                }
                tokio::time::advance(TICK).await;
            }
            cpu::cpu() - start
        })
    }
}
