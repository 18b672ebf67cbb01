//! What a program is told about a session's connections.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::session::frame::Reason;
use ayt_core::session::link::{End, Fate};
use ayt_core::session::registry::Over;

use crate::session::SessionEnd;

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

/// For people: what happened, seen from the server.
impl fmt::Display for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { peer, epoch } => write!(f, "registered from {peer}, epoch {epoch}"),
            Self::Resumed { peer, epoch } => {
                write!(f, "resumed from {peer}, epoch {epoch}: nothing was lost")
            }
            Self::Suspect => f.write_str("heartbeat missed: suspected, and asked"),
            Self::Recovered => f.write_str("heard again: a late heartbeat"),
            Self::Late(by) => write!(f, "this server was late itself, by {by:.1?}: no verdict"),
            Self::RoundTrip(time) => write!(f, "answered after {time:.1?}"),
            Self::Lost(end) if end.by_peer => f.write_str(match (end.fate, end.reason) {
                (Fate::Ends, _) => "the device ended the session",
                (_, Some(Reason::HeartbeatMissed)) => {
                    "the device has not heard this server in time, and hung up"
                }
                _ => "the device hung up, and may come back",
            }),
            Self::Lost(end) => write!(
                f,
                "connection lost: {}; what is in flight is still read",
                end.cause.sentence()
            ),
            Self::Flapping => {
                f.write_str("taken over again and again: two devices, or one in a loop")
            }
            Self::Ended {
                over: Over::Superseded,
                ..
            } => f.write_str("taken over by a newer connection"),
            Self::Ended { end, .. } if end.reason == Some(Reason::Done) => {
                f.write_str("gone: it said goodbye")
            }
            Self::Ended { end, .. } => write!(f, "gone: {}", end.cause.sentence()),
            Self::Missed(events) => write!(f, "{events} events were not shown"),
        }
    }
}

/// The events of one session that wait for its program. A program that never asks
/// costs a session nothing for the one event that each has.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// It is connected for the first time, and that was not told.
    begun: bool,
    closed: bool,
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<SessionEvent>,
    missed: u64,
}

impl Events {
    /// The first connection is there.
    pub(super) const fn begin(&mut self) {
        self.begun = true;
    }

    /// Another connection is there, in place of the one from `before`.
    pub(super) fn resumed(&mut self, before: (SocketAddr, u64), now: (SocketAddr, u64)) {
        if std::mem::take(&mut self.begun) {
            let (peer, epoch) = before;
            let first = SessionEvent::Connected { peer, epoch };
            let waiting = self.waiting.get_or_insert_default();
            waiting.events.push_front(first);
        }
        let (peer, epoch) = now;
        self.push(SessionEvent::Resumed { peer, epoch });
    }

    pub(super) fn push(&mut self, event: SessionEvent) {
        if self.closed {
            return;
        }
        self.closed = matches!(event, SessionEvent::Ended { .. });
        let waiting = self.waiting.get_or_insert_default();
        if waiting.events.len() == MOST {
            waiting.events.pop_front();
            waiting.missed += 1;
        }
        waiting.events.push_back(event);
    }

    /// The next event, if there is one; `Some(None)` after the last. `standing` says from
    /// where the session is connected, and under which epoch.
    pub(super) fn take(&mut self, standing: (SocketAddr, u64)) -> Option<Option<SessionEvent>> {
        if std::mem::take(&mut self.begun) {
            let (peer, epoch) = standing;
            return Some(Some(SessionEvent::Connected { peer, epoch }));
        }
        let Some(waiting) = &mut self.waiting else {
            return self.closed.then_some(None);
        };
        let missed = std::mem::take(&mut waiting.missed);
        if missed > 0 {
            return Some(Some(SessionEvent::Missed(missed)));
        }
        let event = waiting.events.pop_front();
        if waiting.events.is_empty() {
            self.waiting = None;
        }
        Some(event)
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    fn nowhere() -> (SocketAddr, u64) {
        (([192, 0, 2, 1], 7).into(), 1)
    }

    #[test]
    fn every_event_is_a_sentence_for_people() {
        let lost = |by_peer, fate, reason| {
            SessionEvent::Lost(End {
                cause: ayt_core::cause::Cause::HeartbeatMissed,
                fate,
                reason,
                by_peer,
                retry: None,
                text: String::new(),
                missing: 0,
            })
        };
        let said = [
            (
                lost(false, Fate::Stays, None),
                "connection lost: the heartbeat stayed out; what is in flight is still read",
            ),
            (
                lost(true, Fate::Stays, Some(Reason::HeartbeatMissed)),
                "the device has not heard this server in time, and hung up",
            ),
            (
                lost(true, Fate::Stays, Some(Reason::ShuttingDown)),
                "the device hung up, and may come back",
            ),
            (
                lost(true, Fate::Ends, Some(Reason::Done)),
                "the device ended the session",
            ),
            (SessionEvent::Missed(3), "3 events were not shown"),
        ];
        for (event, sentence) in said {
            assert_eq!(event.to_string(), sentence);
        }
    }

    #[test]
    fn the_first_event_is_told_first_and_as_it_was() {
        let (first, second) = (nowhere(), (nowhere().0, 2));
        let mut events = Events::default();
        events.begin();
        events.resumed(first, second);
        let connected = SessionEvent::Connected {
            peer: first.0,
            epoch: 1,
        };
        assert_eq!(events.take(second).unwrap(), Some(connected.clone()));
        let resumed = SessionEvent::Resumed {
            peer: first.0,
            epoch: 2,
        };
        assert_eq!(events.take(second).unwrap(), Some(resumed));
        let mut events = Events::default();
        events.begin();
        events.push(SessionEvent::Suspect);
        assert_eq!(events.take(nowhere()).unwrap(), Some(connected));
        assert_eq!(events.take(nowhere()).unwrap(), Some(SessionEvent::Suspect));
        assert!(events.waiting.is_none());
    }

    #[test]
    fn nobody_waits_for_a_program_that_does_not_ask() {
        let mut events = Events::default();
        for n in 0..100 {
            events.push(SessionEvent::Late(Duration::from_secs(n)));
        }
        assert_eq!(
            events.take(nowhere()).unwrap(),
            Some(SessionEvent::Missed(36))
        );
        let late = SessionEvent::Late(Duration::from_secs(36));
        assert_eq!(events.take(nowhere()).unwrap(), Some(late));
    }
}
