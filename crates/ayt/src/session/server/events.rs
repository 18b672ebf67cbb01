//! What a program is told about a session's connections.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::session::link::End;
use ayt_core::session::registry::Over;

use crate::session::SessionEnd;
use crate::sync::{Mutex, MutexGuard, Notify, PoisonError};

/// How many events wait for a program at most.
const MOST: usize = 64;

/// What happened to a session's connection. A program that does not ask for events
/// loses the oldest; the connection never waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// It is connected: the first event of a session.
    Connected {
        /// From there.
        peer: SocketAddr,
        /// Under this epoch.
        epoch: u64,
    },
    /// Its connection was lost, or moved, and it goes on over another.
    Resumed {
        /// From there.
        peer: SocketAddr,
        /// Under this epoch.
        epoch: u64,
    },
    /// The client is overdue; it has been asked where it answers.
    Suspect,
    /// It was heard again after all.
    Recovered,
    /// This server's own timer was late by so much: nothing was judged.
    Late(Duration),
    /// The client answered a PING after so long.
    RoundTrip(Duration),
    /// The end of its connection is decided. The session waits to be resumed, or is
    /// over: then [`Self::Ended`] follows.
    Lost(End),
    /// Its identity is taken over again and again: two devices use it, or one restarts
    /// in a loop. More takeovers are refused for now.
    Flapping,
    /// The session is over; the last event.
    Ended {
        /// What ended it.
        over: Over,
        /// The cause, and where both directions stood.
        end: SessionEnd,
    },
    /// So many events were dropped here, because nobody asked for them.
    Missed(u64),
}

/// The events of one session that wait for its program.
#[derive(Debug, Default)]
pub(super) struct Events {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<SessionEvent>,
    missed: u64,
    closed: bool,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, event: SessionEvent) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = matches!(event, SessionEvent::Ended { .. });
        if state.waiting.len() == MOST {
            state.waiting.pop_front();
            state.missed += 1;
        }
        state.waiting.push_back(event);
        drop(state);
        self.news.notify_waiters();
    }

    /// Cancel safe: an event leaves the buffer in the poll that returns it.
    pub(super) async fn next(&self) -> Option<SessionEvent> {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if let Some(event) = self.take() {
                return event;
            }
            news.await;
        }
    }

    fn take(&self) -> Option<Option<SessionEvent>> {
        let mut state = self.lock();
        let missed = std::mem::take(&mut state.missed);
        if missed > 0 {
            return Some(Some(SessionEvent::Missed(missed)));
        }
        match state.waiting.pop_front() {
            Some(event) => Some(Some(event)),
            None => state.closed.then_some(None),
        }
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_program_that_does_not_ask() {
        let events = Events::default();
        for n in 0..100 {
            events.push(SessionEvent::Late(Duration::from_secs(n)));
        }
        assert_eq!(events.next().await, Some(SessionEvent::Missed(36)));
        let late = SessionEvent::Late(Duration::from_secs(36));
        assert_eq!(events.next().await, Some(late));
    }
}
