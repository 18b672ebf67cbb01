//! A program that sends numbered messages and demands that each of the other
//! side's comes once, whole and in order.

use std::sync::LazyLock;

use ayt_core::session::traffic::{Offer, OfferError};
use bytes::Bytes;

use super::rng::Rng;

/// What one side's program has done in one session.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// How many messages it wants to send.
    pub(crate) total: u64,
    /// How many were accepted.
    pub(crate) offered: u64,
    /// How many it has taken.
    pub(crate) taken: u64,
    /// It has the last of them in hand.
    pub(crate) in_hand: bool,
}

impl Program {
    pub(crate) const fn new(total: u64) -> Self {
        Self {
            total,
            offered: 0,
            taken: 0,
            in_hand: false,
        }
    }

    /// How many it is done with.
    pub(crate) const fn finished(&self) -> u64 {
        self.taken - self.in_hand as u64
    }

    /// The next message, while there is one.
    pub(crate) fn next(&self) -> Option<Bytes> {
        (self.offered < self.total).then(|| message(self.offered + 1))
    }

    pub(crate) fn on_offer(&mut self, result: Result<Offer, OfferError>) {
        match result {
            Ok(Offer::Accepted(number)) => {
                self.offered += 1;
                assert_eq!(number, self.offered);
            }
            Ok(Offer::Full(back)) => assert_eq!(back, message(self.offered + 1)),
            Err(OfferError::Ending) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// What it has in hand counts as not handed over: the other side was told.
    pub(crate) fn settle(&mut self) {
        self.taken = self.finished();
        self.in_hand = false;
    }

    pub(crate) fn on_taken(&mut self, taken: Option<Bytes>) {
        self.in_hand = taken.is_some();
        if let Some(taken) = taken {
            self.taken += 1;
            assert_eq!(
                taken,
                message(self.taken),
                "message {} is another",
                self.taken
            );
        }
    }
}

/// The message of a number: 8 to 1,007 bytes, which occur nowhere else in that
/// order.
fn message(number: u64) -> Bytes {
    static TABLE: LazyLock<Bytes> = LazyLock::new(|| {
        let mut rng = Rng::new(0);
        (0..1 << 14)
            .flat_map(|_| rng.next().to_be_bytes())
            .collect()
    });
    let len = 8 + number.wrapping_mul(0x9e37_79b9) % 1_000;
    let start = number.wrapping_mul(131) % 100_000;
    TABLE.slice(start as usize..(start + len) as usize)
}
