//! PING and PONG: what was asked, and what is to be answered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::compact::Nanos;

/// How many PINGs are answered in any second, and how many answers wait at most
/// while nothing can be written. A peer that asks more often, or asks and does
/// not read, is not answered, and costs no memory.
pub(super) const PONGS: usize = 10;

const SECOND: Duration = Duration::from_secs(1);

/// Both directions of asking.
#[derive(Debug, Clone, Default)]
pub(super) struct Asking {
    /// The number in the next PING.
    next: u32,
    /// A PING waits to be sent.
    wanted: bool,
    /// None while nobody asks.
    asked: Option<Box<Asked>>,
}

/// What either side asks.
#[derive(Debug, Clone, Default)]
struct Asked {
    /// The last PING sent and not answered, and when.
    sent: Option<([u8; 4], Nanos)>,
    /// Answers that wait to be sent.
    pongs: VecDeque<[u8; 4]>,
    /// When the last answers were given, oldest first.
    answered: VecDeque<Duration>,
}

impl Asked {
    /// Answers given a second ago are of no interest any more.
    fn forget(&mut self, now: Duration) {
        while let Some(&at) = self.answered.front()
            && now.saturating_sub(at) >= SECOND
        {
            self.answered.pop_front();
        }
    }
}

impl Asking {
    pub(super) const fn want_ping(&mut self) {
        self.wanted = true;
    }

    pub(super) const fn ping_waits(&self) -> bool {
        self.wanted
    }

    pub(super) fn poll_ping(&mut self, now: Duration) -> Option<[u8; 4]> {
        if !self.wanted {
            return None;
        }
        self.wanted = false;
        let bytes = self.next.to_be_bytes();
        self.next = self.next.wrapping_add(1);
        self.asked.get_or_insert_default().sent = Some((bytes, now.into()));
        Some(bytes)
    }

    /// The round trip, where this answers the last PING.
    pub(super) fn handle_pong(&mut self, now: Duration, bytes: [u8; 4]) -> Option<Duration> {
        let asked = self.asked.as_mut()?;
        let (_, at) = asked.sent.take_if(|(sent, _)| *sent == bytes)?;
        Some(now.saturating_sub(at.get()))
    }

    pub(super) fn handle_ping(&mut self, now: Duration, bytes: [u8; 4]) {
        let asked = self.asked.get_or_insert_default();
        asked.forget(now);
        if asked.answered.len() < PONGS && asked.pongs.len() < PONGS {
            asked.answered.push_back(now);
            asked.pongs.push_back(bytes);
        }
    }

    pub(super) fn poll_pong(&mut self) -> Option<[u8; 4]> {
        self.asked.as_mut()?.pongs.pop_front()
    }

    pub(super) fn has_pong(&self) -> bool {
        let asked = self.asked.as_ref();
        asked.is_some_and(|asked| !asked.pongs.is_empty())
    }

    /// Gives back the memory of what is of no interest any more.
    pub(super) fn rest(&mut self, now: Duration) {
        self.asked.take_if(|asked| {
            asked.forget(now);
            asked.sent.is_none() && asked.answered.is_empty() && asked.pongs.is_empty()
        });
    }
}
