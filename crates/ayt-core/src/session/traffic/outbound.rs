//! What this side sends: numbered, kept until acknowledged.

use bytes::Bytes;

use super::{Offer, cost};
use crate::compact::Queue;
use crate::session::violation::Violation;

#[derive(Debug, Clone)]
pub(super) struct Outbound {
    /// Kept messages; the first has the number `acknowledged + 1`.
    kept: Queue<Bytes>,
    cost: u64,
    acknowledged: u64,
    /// The last message given out on the present connection, or acknowledged.
    position: u64,
    /// The last message ever given out, on any connection.
    sent: u64,
}

impl Outbound {
    pub(super) const fn new(acknowledged: u64) -> Self {
        Self {
            kept: Queue::new(),
            cost: 0,
            acknowledged,
            position: acknowledged,
            sent: acknowledged,
        }
    }

    pub(super) fn restore(acknowledged: u64, messages: impl IntoIterator<Item = Bytes>) -> Self {
        let mut outbound = Self::new(acknowledged);
        for message in messages {
            outbound.cost += cost(message.len());
            outbound.kept.push_back(message);
        }
        outbound.sent = outbound.accepted();
        outbound
    }

    pub(super) fn accepted(&self) -> u64 {
        self.acknowledged + self.kept.len() as u64
    }

    pub(super) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) const fn cost(&self) -> u64 {
        self.cost
    }

    pub(super) fn offer(&mut self, message: Bytes, window: u64) -> Offer {
        let more = cost(message.len());
        // One message alone may be larger than the window: it could never be
        // sent otherwise.
        if !self.kept.is_empty() && self.cost + more > window {
            return Offer::Full(message);
        }
        self.cost += more;
        self.kept.push_back(message);
        Offer::Accepted(self.accepted())
    }

    pub(super) fn handle_ack(&mut self, acknowledged: u64) -> Result<(), Violation> {
        if acknowledged > self.sent {
            let sent = self.sent;
            return Err(Violation::AckOfUnsent { acknowledged, sent });
        }
        while self.acknowledged < acknowledged {
            let Some(message) = self.kept.pop_front() else {
                break;
            };
            self.cost -= cost(message.len());
            self.acknowledged += 1;
        }
        self.position = self.position.max(self.acknowledged);
        self.kept.shrink();
        Ok(())
    }

    /// Gives back the room of what was acknowledged.
    pub(super) fn rest(&mut self) {
        self.kept.rest();
    }

    /// The peer stands at `received`, which has been checked.
    pub(super) fn resume(&mut self, received: u64) {
        // Checked by the caller to be no more than was sent.
        let _ = self.handle_ack(received);
        self.position = self.acknowledged;
    }

    pub(super) fn has_data(&self) -> bool {
        self.position < self.accepted()
    }

    pub(super) fn poll_data(&mut self) -> Option<(u64, Bytes)> {
        let index = usize::try_from(self.position - self.acknowledged).ok()?;
        let message = self.kept.get(index)?.clone();
        self.position += 1;
        self.sent = self.sent.max(self.position);
        Some((self.position, message))
    }

    pub(super) fn into_messages(self) -> impl Iterator<Item = Bytes> {
        self.kept.into_iter()
    }
}
