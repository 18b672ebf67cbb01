//! The packets a wire has seen.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::control::Direction;
use super::packet::{Fate, Packet};
use crate::sync::lock;

/// About 40 MB; a test that wants more is asked to record less.
const CAPACITY: usize = 1 << 18;

/// A place in a wire's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark(u64);

/// Names a recorded packet, to tell its fate later; `None` was not recorded.
pub(super) type Entry = Option<u64>;

#[derive(Debug)]
pub(super) struct Recorder {
    log: Mutex<Log>,
    grown: Condvar,
    counts: [AtomicU64; 2],
}

#[derive(Debug)]
struct Log {
    on: bool,
    /// The number of the first packet still held.
    first: u64,
    packets: VecDeque<Packet>,
}

impl Default for Recorder {
    fn default() -> Self {
        let log = Log {
            on: true,
            first: 0,
            packets: VecDeque::new(),
        };
        Self {
            log: Mutex::new(log),
            grown: Condvar::new(),
            counts: Default::default(),
        }
    }
}

impl Recorder {
    pub(super) fn enable(&self, on: bool) {
        lock(&self.log).on = on;
    }

    pub(super) fn count(&self, direction: Direction) -> u64 {
        self.counts[direction.index()].load(Ordering::Relaxed)
    }

    pub(super) fn add_to_count(&self, direction: Direction) {
        self.counts[direction.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn push(&self, packet: Packet) -> Entry {
        let mut log = lock(&self.log);
        if !log.on {
            return None;
        }
        if log.packets.len() == CAPACITY {
            log.packets.pop_front();
            log.first += 1;
        }
        log.packets.push_back(packet);
        self.grown.notify_all();
        Some(log.end() - 1)
    }

    pub(super) fn settle(&self, entry: Entry, fate: Fate) {
        let Some(number) = entry else { return };
        let mut log = lock(&self.log);
        let at = number
            .checked_sub(log.first)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(packet) = at.and_then(|at| log.packets.get_mut(at)) {
            packet.fate = fate;
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(lock(&self.log).end())
    }

    pub(super) fn since(&self, mark: Mark) -> Vec<Packet> {
        lock(&self.log).since(mark).copied().collect()
    }

    /// The first packet after the mark that is wanted, waiting for it to come.
    pub(super) fn wait(
        &self,
        mark: Mark,
        within: Duration,
        wanted: impl Fn(&Packet) -> bool,
    ) -> Option<Packet> {
        let start = Instant::now();
        let mut looked_at = mark;
        let mut log = lock(&self.log);
        loop {
            if let Some(found) = log.since(looked_at).find(|packet| wanted(packet)) {
                return Some(*found);
            }
            looked_at = Mark(log.end());
            let left = within.checked_sub(start.elapsed())?;
            log = self
                .grown
                .wait_timeout(log, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Log {
    fn end(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    fn since(&self, mark: Mark) -> impl Iterator<Item = &Packet> {
        let skip = mark.0.checked_sub(self.first);
        let skip =
            skip.expect("more packets than the recorder holds: take a later mark, or record less");
        self.packets
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }
}
