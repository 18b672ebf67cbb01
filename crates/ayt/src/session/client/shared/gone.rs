//! A session gives its place to another.

use std::collections::VecDeque;
use std::sync::Arc;

use ayt_core::cause::Cause;
use ayt_core::session::frame::{Reason, Retry};
use ayt_core::session::traffic::{Accepts, Config, Traffic};

use super::super::event::Event;
use super::super::values::Undelivered;
use super::{Shared, State, Will};
use crate::session::driver::Core;

/// Ended sessions whose messages wait for a program that does not take them.
const OLDER: usize = 4;

/// A session that is gone.
pub(in super::super) struct Gone {
    /// Why.
    pub(in super::super) cause: Cause,
    /// What was said about it.
    pub(in super::super) reason: Option<Reason>,
    /// How many of the server's messages never came, as its BYE tells.
    pub(in super::super) missing: u64,
    /// Up to where the server has handed it over, where it knows.
    pub(in super::super) handed_over: Option<u64>,
    /// What came in and was not taken is not handed over either: the server was
    /// told, in PROOF, that it did not arrive.
    pub(in super::super) drop_unread: bool,
}

impl Gone {
    /// Of which nothing more is known.
    pub(in super::super) const fn by(cause: Cause) -> Self {
        Self {
            cause,
            reason: None,
            missing: 0,
            handed_over: None,
            drop_unread: false,
        }
    }
}

impl Shared {
    /// The current session is gone, or the first one becomes known: another takes
    /// its place, where the server `accepts` this; `None` where it has not said.
    pub(in super::super) fn replace(&self, accepts: Option<Accepts>, gone: &Gone) {
        let told = self.change(|state| {
            let peer = accepts
                .or_else(|| state.named.as_ref().map(|named| named.accepts))
                .unwrap_or(self.config.peer);
            let fresh = Core::new(
                self.clock,
                Traffic::new(Config {
                    peer,
                    ..self.config
                }),
            );
            let lost = state.named.take().is_some();
            let old = std::mem::replace(&mut state.current, Arc::clone(&fresh));
            // From here on nothing more is taken for the old one.
            old.finish(gone.cause, gone.reason, gone.missing);
            let told = self.move_messages(state, &old, &fresh, lost, gone.handed_over);
            if !gone.drop_unread && !old.all_handed_over() {
                state.older.push_back(old);
                if state.older.len() > OLDER {
                    state.older.pop_front();
                }
            }
            if matches!(state.will, Will::Close { .. }) {
                fresh.end(Reason::Done, Retry::Never);
            }
            told
        });
        if let Some(event) = told {
            self.events.push(event);
        }
    }

    /// Messages that were never on any connection go on in the new session; those
    /// of a lost one only where the program has said so.
    fn move_messages(
        &self,
        state: &mut State,
        old: &Core,
        fresh: &Core,
        lost: bool,
        handed_over: Option<u64>,
    ) -> Option<Event> {
        let numbers = old.numbers();
        let (mut first, mut messages) = old.unacknowledged();
        let handed_over = handed_over.filter(|n| (numbers.acknowledged..=numbers.sent).contains(n));
        if let Some(number) = handed_over {
            let arrived = usize::try_from(number - numbers.acknowledged).unwrap_or(usize::MAX);
            messages.drain(..arrived.min(messages.len()));
            first = number + 1;
        }
        let mut resent = 0;
        if !lost || self.resend {
            let fitting = messages
                .iter()
                .take_while(|&m| matches!(fresh.offer(m.clone()), Ok(None)))
                .count();
            messages.drain(..fitting);
            first += fitting as u64;
            resent = fitting;
        }
        let undelivered = messages.len();
        if undelivered > 0 {
            self.keep(
                state,
                Undelivered {
                    first,
                    sent: numbers.sent,
                    handed_over,
                    messages,
                },
            );
        }
        (lost || undelivered > 0).then_some(Event::NotResumed {
            numbers,
            handed_over,
            undelivered,
            resent,
        })
    }

    /// Keeps what was not delivered, the newest of it, within the replay bound.
    pub(super) fn keep(&self, state: &mut State, undelivered: Undelivered) {
        state.undelivered.push_back(undelivered);
        let bound = u64::from(self.config.replay_bound);
        let cost = |all: &VecDeque<Undelivered>| all.iter().map(Undelivered::cost).sum::<u64>();
        while state.undelivered.len() > 1 && cost(&state.undelivered) > bound {
            state.undelivered.pop_front();
        }
    }
}
