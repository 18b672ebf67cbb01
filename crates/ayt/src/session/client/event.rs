//! What a client tells its user.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use ayt_core::session::traffic::Numbers;

use super::loss::Loss;
use super::values::Ended;
use crate::sync::{Mutex, Notify, PoisonError};

/// How many events wait for a user that does not ask.
pub const EVENTS: usize = 128;

/// What happened to a client, for its user interface. [`fmt::Display`] gives a
/// sentence for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A connection is being made.
    Connecting {
        /// Attempts in a row without success, this one included, from 1.
        attempt: u32,
    },
    /// Registered: messages flow.
    Registered {
        /// Grows with each registration of this identity.
        epoch: u64,
        /// The session from before goes on, and nothing was lost.
        resumed: bool,
    },
    /// The server's heartbeat is overdue; the server has been asked.
    Suspect,
    /// The server was heard again.
    Recovered,
    /// An attempt failed, or the connection is lost. What was sent and not
    /// acknowledged is kept.
    Lost(Loss),
    /// The next attempt comes after this time.
    Waiting(Duration),
    /// The session from before is gone; the next one, or the one just registered,
    /// is new.
    NotResumed {
        /// Where the old session stood.
        numbers: Numbers,
        /// Up to where the server handed the old session's messages over; `None`
        /// where it does not know the session any more.
        handed_over: Option<u64>,
        /// How many messages go to
        /// [`take_undelivered`](super::Client::take_undelivered).
        undelivered: usize,
        /// How many are sent again in the new session
        /// ([`resend_after_loss`](super::Builder::resend_after_loss)).
        resent: usize,
    },
    /// A silence was tried on a spare connection
    /// ([`Builder::search`](super::Builder::search)).
    Tried {
        /// How long it was.
        silence: Duration,
        /// The server was heard after it. Where not, the session's own connection
        /// answered: it was the silence.
        survived: bool,
    },
    /// A search has ended: heartbeats go out at this interval from now on.
    Interval {
        /// The interval.
        every: Duration,
        /// The longest silence that was survived; `None` where not even the floor was.
        survived: Option<Duration>,
    },
    /// A question to the server was answered after this time.
    RoundTrip(Duration),
    /// The client has ended, and does not come back by itself. The last event.
    Stopped(Ended),
    /// So many older events were dropped, because nobody asked for them.
    Missed(u64),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt: 1 } => f.write_str("connecting"),
            Self::Connecting { attempt } => write!(f, "connecting, attempt {attempt}"),
            Self::Registered { resumed: true, .. } => {
                f.write_str("connected again; the session goes on and nothing is lost")
            }
            Self::Registered { .. } => f.write_str("connected"),
            Self::Suspect => f.write_str("the server has gone quiet; it has been asked"),
            Self::Recovered => f.write_str("the server is there again"),
            Self::Lost(loss) => write!(f, "not connected: {loss}"),
            Self::Waiting(wait) if wait.as_secs() == 0 => {
                write!(f, "trying again in {} ms", wait.as_millis())
            }
            Self::Waiting(wait) => write!(f, "trying again in {:.1} s", wait.as_secs_f64()),
            Self::NotResumed {
                numbers,
                handed_over,
                undelivered,
                resent,
            } => {
                f.write_str("the session could not be resumed")?;
                match (numbers.unacknowledged(), handed_over) {
                    (0, _) => return f.write_str("; everything sent had been acknowledged"),
                    (_, Some(number)) => write!(
                        f,
                        "; the server has handed over messages up to {number} of {}",
                        numbers.accepted
                    )?,
                    (open, None) => write!(
                        f,
                        "; whether the last {open} of {} messages arrived is not known",
                        numbers.accepted
                    )?,
                }
                if *resent > 0 {
                    write!(f, "; {resent} are sent again")?;
                }
                if *undelivered > 0 {
                    write!(f, "; {undelivered} are left to the program")?;
                }
                Ok(())
            }
            Self::Tried { silence, survived } => {
                let not = if *survived { "" } else { "not " };
                write!(f, "a silence of {silence:?} was {not}survived")
            }
            Self::Interval {
                every,
                survived: Some(longest),
            } => write!(
                f,
                "a heartbeat every {every:?} from now on: silences of {longest:?} are survived"
            ),
            Self::Interval { every, .. } => write!(
                f,
                "a heartbeat every {every:?} from now on, though not even that is survived"
            ),
            Self::RoundTrip(time) => {
                write!(
                    f,
                    "the server answered within {:.1} ms",
                    time.as_secs_f64() * 1e3
                )
            }
            Self::Stopped(ended) => write!(f, "stopped: {ended}"),
            Self::Missed(count) => write!(f, "{count} older events were dropped"),
        }
    }
}

/// Events on their way to the user: bounded, and never in the connection's way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    told: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    missed: u64,
    /// [`Event::Stopped`] is in.
    last: bool,
}

impl Queue {
    fn with<R>(&self, act: impl FnOnce(&mut Waiting) -> R) -> R {
        act(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn push(&self, event: Event) {
        self.with(|waiting| {
            if waiting.events.len() >= EVENTS {
                waiting.events.pop_front();
                waiting.missed += 1;
            }
            waiting.last |= matches!(event, Event::Stopped(_));
            waiting.events.push_back(event);
        });
        self.told.notify_waiters();
    }

    /// `None` where there is nothing yet; `Some(None)` where nothing comes any more.
    fn poll(&self) -> Option<Option<Event>> {
        self.with(|waiting| {
            if waiting.missed > 0 {
                return Some(Some(Event::Missed(std::mem::take(&mut waiting.missed))));
            }
            match waiting.events.pop_front() {
                Some(event) => Some(Some(event)),
                None => waiting.last.then_some(None),
            }
        })
    }

    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if let Some(event) = self.poll() {
                return event;
            }
            told.await;
        }
    }

    pub(super) fn try_next(&self) -> Option<Event> {
        self.poll().flatten()
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_ask_misses_the_oldest_and_is_told_how_many() {
        let queue = Queue::default();
        for attempt in 0..EVENTS as u32 + 3 {
            queue.push(Event::Connecting { attempt });
        }
        assert!(matches!(queue.try_next(), Some(Event::Missed(3))));
        for expected in 3..EVENTS as u32 + 3 {
            assert!(
                matches!(queue.try_next(), Some(Event::Connecting { attempt }) if attempt == expected)
            );
        }
        assert!(queue.try_next().is_none());
    }

    #[test]
    fn every_event_is_a_sentence() {
        let numbers = Numbers {
            accepted: 9,
            sent: 8,
            acknowledged: 5,
            ..Numbers::default()
        };
        let not_resumed = |handed_over, undelivered, resent| Event::NotResumed {
            numbers,
            handed_over,
            undelivered,
            resent,
        };
        let second = Duration::from_millis(1_500);
        for (event, sentence) in [
            (Event::Connecting { attempt: 1 }, "connecting"),
            (Event::Connecting { attempt: 4 }, "connecting, attempt 4"),
            (Event::Waiting(second), "trying again in 1.5 s"),
            (Event::Waiting(second / 2), "trying again in 750 ms"),
            (
                Event::RoundTrip(second),
                "the server answered within 1500.0 ms",
            ),
            (
                Event::Tried {
                    silence: second,
                    survived: false,
                },
                "a silence of 1.5s was not survived",
            ),
            (
                Event::Interval {
                    every: second,
                    survived: Some(second * 2),
                },
                "a heartbeat every 1.5s from now on: silences of 3s are survived",
            ),
            (
                not_resumed(Some(7), 2, 0),
                "the session could not be resumed; the server has handed over messages \
                 up to 7 of 9; 2 are left to the program",
            ),
            (
                not_resumed(None, 0, 4),
                "the session could not be resumed; whether the last 4 of 9 messages \
                 arrived is not known; 4 are sent again",
            ),
        ] {
            assert_eq!(event.to_string(), sentence);
        }
    }
}
