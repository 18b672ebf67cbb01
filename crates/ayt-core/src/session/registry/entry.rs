//! What is kept of one identity.

use std::time::Duration;

use super::flaps::Flaps;
use super::{Conn, Secret};
use crate::session::frame::Bits128;

/// The timers of one identity, besides the expiry of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// When the older connection is no longer waited for.
    Drain,
    /// When a connection that waits for the older one's answer is refused,
    /// because nobody said what came of it.
    Verify,
}

#[derive(Debug, Clone)]
pub(super) struct Entry<T> {
    pub(super) session: Option<Session<T>>,
    pub(super) drain: Option<Box<Drain<T>>>,
    pub(super) waiting: Option<Box<Waiting>>,
    pub(super) spare: Option<Conn>,
    pub(super) flaps: Flaps,
}

#[derive(Debug, Clone)]
pub(super) struct Session<T> {
    pub(super) name: Bits128,
    pub(super) secret: Secret,
    /// The secret before, until the client has shown that it has the new one.
    pub(super) previous: Option<Secret>,
    pub(super) epoch: u64,
    pub(super) handle: T,
    pub(super) place: Place,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Connected.
    Live(Conn),
    /// Not connected, since then; in the time that counts for it.
    Parked {
        since: Duration,
        /// What it is counted with.
        cost: u64,
        /// Its last connection, which is still being read.
        dying: Option<Conn>,
    },
}

/// An older session that is still being read, or handed over.
#[derive(Debug, Clone)]
pub(super) struct Drain<T> {
    pub(super) epoch: u64,
    pub(super) conn: Option<Conn>,
    pub(super) handle: T,
    pub(super) until: Duration,
    /// Its timer was late once: it has been given its second time.
    pub(super) was_late: bool,
}

/// A connection that waits for an older one's answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) conn: Conn,
    pub(super) asked: u64,
    pub(super) until: Duration,
}

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self {
            session: None,
            drain: None,
            waiting: None,
            spare: None,
            flaps: Flaps::default(),
        }
    }
}

impl<T> Entry<T> {
    /// The live connection and its epoch.
    pub(super) const fn live(&self) -> Option<(Conn, u64)> {
        match &self.session {
            Some(Session {
                place: Place::Live(conn),
                epoch,
                ..
            }) => Some((*conn, *epoch)),
            _ => None,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.session.is_none()
            && self.drain.is_none()
            && self.waiting.is_none()
            && self.spare.is_none()
    }
}
