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
    pub(super) spare: Option<Box<Conn>>,
    /// None where nobody was ever taken over.
    pub(super) flaps: Option<Box<Flaps>>,
}

#[derive(Debug, Clone)]
pub(super) struct Session<T> {
    pub(super) name: Bits128,
    pub(super) secret: Secret,
    /// The secret before, until the client has shown that it has the new one.
    pub(super) previous: Option<Box<Secret>>,
    pub(super) epoch: u64,
    pub(super) handle: T,
    pub(super) place: Place,
}

impl<T> Session<T> {
    /// The secrets that prove it: the newest, and the one before it.
    pub(super) fn secrets(&self) -> [Option<Secret>; 2] {
        [Some(self.secret), self.previous.as_deref().copied()]
    }
}

/// What is rare is behind a pointer: most sessions are connected, and there may be a
/// million of them.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Connected.
    Live(Conn),
    /// Not connected.
    Parked(Box<Parked>),
}

/// A session that waits to be resumed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parked {
    /// Since then; in the time that counts for it.
    pub(super) since: Duration,
    /// What it is counted with.
    pub(super) cost: u64,
    /// Its last connection, which is still being read.
    pub(super) dying: Option<Conn>,
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
            flaps: None,
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

    /// That of its session, or else of the one that is being drained; 0 without either.
    pub(super) fn epoch(&self) -> u64 {
        let session = self.session.as_ref().map(|session| session.epoch);
        let drain = self.drain.as_ref().map(|drain| drain.epoch);
        session.or(drain).unwrap_or(0)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.session.is_none()
            && self.drain.is_none()
            && self.waiting.is_none()
            && self.spare.is_none()
    }
}
