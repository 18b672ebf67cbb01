//! What comes in: each message once, in order, acknowledged when it is done with.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;

use super::{Accepts, cost};
use crate::compact::{Nanos, Queue};
use crate::session::violation::Violation;

#[derive(Debug, Clone)]
pub(super) struct Inbound {
    /// Messages that came in and were not taken.
    queue: Queue<Bytes>,
    queue_cost: u64,
    /// The last message that came in.
    received: u64,
    /// The cost of the message the program has in hand, if it has one.
    in_hand: Option<NonZeroU64>,
    /// Every message up to this one is done with.
    done: u64,
    /// The cost of those done with since the last acknowledgement.
    done_cost: u64,
    /// When the first of those was done with.
    waiting_since: Option<Nanos>,
    /// Nothing is given out: an older session is still being read.
    held: bool,
    /// Nothing is given out any more: the other side was told what was.
    settled: bool,
}

impl Inbound {
    pub(super) const fn new(handed_over: u64) -> Self {
        Self {
            queue: Queue::new(),
            queue_cost: 0,
            received: handed_over,
            in_hand: None,
            done: handed_over,
            done_cost: 0,
            waiting_since: None,
            held: false,
            settled: false,
        }
    }

    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    pub(super) const fn done_with(&self) -> u64 {
        self.done
    }

    pub(super) const fn queued_cost(&self) -> u64 {
        self.queue_cost
    }

    pub(super) fn waiting_since(&self) -> Option<Duration> {
        self.waiting_since.map(Nanos::get)
    }

    pub(super) const fn set_held(&mut self, held: bool) {
        self.held = held;
    }

    pub(super) fn idle(&self) -> bool {
        self.queue.is_empty() && self.in_hand.is_none()
    }

    pub(super) fn readable(&self) -> bool {
        !self.held && !self.queue.is_empty()
    }

    pub(super) const fn quarter_done(&self, window: u32) -> bool {
        self.done_cost >= window as u64 / 4 && self.done_cost > 0
    }

    pub(super) fn handle_data(
        &mut self,
        seq: u64,
        message: Bytes,
        own: Accepts,
    ) -> Result<(), Violation> {
        let expected = self.received.saturating_add(1);
        if seq < expected {
            return Ok(());
        }
        if seq > expected {
            return Err(Violation::Gap {
                expected,
                came: seq,
            });
        }
        if self.settled {
            self.received = seq;
            return Ok(());
        }
        let (len, max) = (message.len(), own.longest_message());
        if len > max {
            return Err(Violation::TooLong { seq, len, max });
        }
        // The peer knows at most the acknowledgements that were sent, so what it
        // counts is at least this.
        let before = self.queue_cost + self.in_hand.map_or(0, NonZeroU64::get) + self.done_cost;
        let held = before + cost(len);
        if before > 0 && held > u64::from(own.window) {
            let window = own.window;
            return Err(Violation::WindowExceeded { seq, held, window });
        }
        self.received = seq;
        self.queue_cost += cost(len);
        self.queue.push_back(message);
        Ok(())
    }

    pub(super) fn done(&mut self, now: Duration) {
        if let Some(cost) = self.in_hand.take() {
            self.done += 1;
            self.done_cost += cost.get();
            self.waiting_since.get_or_insert(now.into());
        }
    }

    pub(super) fn take(&mut self, now: Duration) -> Option<Bytes> {
        self.done(now);
        if self.held {
            return None;
        }
        let message = self.queue.pop_front()?;
        let cost = cost(message.len());
        self.queue_cost -= cost;
        // Never zero: `OVERHEAD` is in it.
        self.in_hand = NonZeroU64::new(cost);
        self.queue.shrink();
        Some(message)
    }

    /// Gives back the room of what was taken.
    pub(super) fn rest(&mut self) {
        self.queue.rest();
    }

    pub(super) const fn is_settled(&self) -> bool {
        self.settled
    }

    /// What came and was not done with is dropped, as is what still comes: the
    /// other side is told that it did not arrive.
    pub(super) fn settle(&mut self) {
        self.settled = true;
        self.queue = Queue::new();
        (self.queue_cost, self.in_hand) = (0, None);
    }

    /// The number for an acknowledgement that is sent now.
    pub(super) const fn acknowledge(&mut self) -> u64 {
        self.done_cost = 0;
        self.waiting_since = None;
        self.done
    }
}
