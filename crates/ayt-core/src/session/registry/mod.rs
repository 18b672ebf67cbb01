//! The identities of one server: who is connected, who is being drained, whose
//! session waits to be resumed. See docs/protocol.md, "Resume" and "Takeover".

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::frame::{Reason, Retry};

mod entry;
mod flaps;
mod hold_ups;
mod parting;
mod register;
mod remembered;
mod resume;
#[cfg(test)]
mod tests;
mod values;

pub use flaps::FlapLimit;
pub use values::{
    Answer, Claim, Config, Conn, Decision, Displaced, Event, Held, InsteadOf, NewSession, Over,
    Policy, Refusal, Resumed, Secret, Stale, Taken, Wish,
};

use entry::{Drain, Entry, Kind, Parked, Place, Session, Waiting};
use hold_ups::HoldUps;
use remembered::{Gone, Remembered};

/// The identities of one server.
///
/// Every registration and every resume gets an **epoch**, larger than any before
/// it. Whatever is later done in the name of that connection names its epoch, and
/// has no effect once another has taken its place. At any time an identity has at
/// most one live session, and at most one connection that is being drained.
///
/// A driver whose epochs come from a store that several hosts share does its
/// compare-and-set there first, and says what came of it: [`Claim::at`].
///
/// # How to call it
///
/// A connection arrives and has proved who it is:
///
/// 1. [`Self::register`], or [`Self::resume`]. Nothing changes yet, but for
///    [`Decision::Verify`]: then ask the older connection and tell
///    [`Self::verified`] what came of it. Should the connection that waits end
///    first, tell [`Self::withdraw`].
/// 2. With the [`Claim`], [`Self::commit`] or [`Self::commit_resume`]: one
///    compare-and-set of the epoch. Do at once what it returns, then send WELCOME
///    with the epoch. On [`Stale`] begin again at 1.
///
/// While it lives, by its epoch:
///
/// 3. [`Self::heard`] when the first frame after WELCOME has come.
/// 4. [`Self::lost`] as soon as its end is decided
///    ([`Event::Ending`](super::link::Event::Ending)), not when its socket is
///    closed; [`Self::drained`] when it has been read to its end *and* what it
///    brought was handed over.
/// 5. [`Self::recharge`] when a session without a connection has grown.
///
/// After every call act on [`Self::poll_event`] until there is none. Call
/// [`Self::handle_timeout`] at [`Self::next_deadline`].
///
/// `T` is the driver's handle of a session. Times are offsets from one origin and
/// never go backwards.
#[derive(Debug, Clone)]
pub struct Registry<T> {
    config: Config,
    /// The largest epoch given.
    last_epoch: u64,
    /// Boxed: a table has room for up to twice of what is in it.
    entries: HashMap<Bytes, Box<Entry<T>>>,
    remembered: Remembered<T>,
    /// Sessions that wait to be resumed, by when they began to, in the time of
    /// [`HoldUps::counted`].
    parked: BTreeSet<(Duration, Bytes)>,
    parked_cost: u64,
    hold_ups: HoldUps,
    /// When a drain, and when a wait for an answer, is over.
    timers: BTreeSet<(Duration, Kind, Bytes)>,
    events: VecDeque<Event<T>>,
}

/// What is kept, for metrics and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Identities about which anything is known.
    pub identities: usize,
    /// Sessions that wait to be resumed.
    pub parked: usize,
    /// Bytes of cost they keep.
    pub parked_cost: u64,
    /// Sessions that are over and remembered.
    pub remembered: usize,
    /// Timers set.
    pub timers: usize,
}

/// The connections of one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connections {
    /// The live one, with its epoch.
    pub live: Option<(Conn, u64)>,
    /// The one that is being drained.
    pub drain: Option<Conn>,
    /// The one that waits for an older one's answer.
    pub waiting: Option<Conn>,
    /// The spare.
    pub spare: Option<Conn>,
}

impl<T: Held> Registry<T> {
    /// Nobody is connected. Epochs begin after `last_epoch`: give the time in
    /// milliseconds, and they grow over a restart too.
    #[must_use]
    pub fn new(config: Config, last_epoch: u64) -> Self {
        Self {
            remembered: Remembered::new(config.most_remembered),
            last_epoch,
            entries: HashMap::new(),
            parked: BTreeSet::new(),
            parked_cost: 0,
            hold_ups: HoldUps::new(config.resume_for),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// How much is kept.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            identities: self.entries.len(),
            parked: self.parked.len(),
            parked_cost: self.parked_cost,
            remembered: self.remembered.len(),
            timers: self.timers.len(),
        }
    }

    /// The connections of an identity.
    #[must_use]
    pub fn connections(&self, identity: &[u8]) -> Connections {
        let Some(entry) = self.entries.get(identity) else {
            return Connections::default();
        };
        let dying = entry.session.as_ref().and_then(|s| match &s.place {
            Place::Parked(parked) => parked.dying,
            Place::Live(_) => None,
        });
        let drain = entry.drain.as_ref().and_then(|drain| drain.conn);
        Connections {
            live: entry.live(),
            drain: dying.or(drain),
            waiting: entry.waiting.as_ref().map(|waiting| waiting.conn),
            spare: entry.spare.as_deref().copied(),
        }
    }

    /// The session of an epoch, if that is the current one.
    #[must_use]
    pub fn session(&self, identity: &[u8], epoch: u64) -> Option<&T> {
        let session = self.entries.get(identity)?.session.as_ref()?;
        (session.epoch == epoch).then_some(&session.handle)
    }

    /// The session of an identity: its epoch, whether it is connected, its handle.
    #[must_use]
    pub fn current(&self, identity: &[u8]) -> Option<(u64, bool, &T)> {
        let session = self.entries.get(identity)?.session.as_ref()?;
        let live = matches!(session.place, Place::Live(_));
        Some((session.epoch, live, &session.handle))
    }

    /// Every session, connected or not, with its identity and epoch.
    pub fn sessions(&self) -> impl Iterator<Item = (&Bytes, u64, &T)> {
        self.entries.iter().filter_map(|(identity, entry)| {
            let session = entry.session.as_ref()?;
            Some((identity, session.epoch, &session.handle))
        })
    }

    /// What the driver is to know next.
    pub fn poll_event(&mut self) -> Option<Event<T>> {
        self.events.pop_front()
    }

    /// A spare connection has registered; the one to close in its favour.
    pub fn spare(&mut self, identity: &Bytes, conn: Conn) -> Option<Conn> {
        let entry = self.entries.entry(identity.clone()).or_default();
        entry.spare.replace(Box::new(conn)).map(|before| *before)
    }

    /// A spare connection has ended.
    pub fn spare_ended(&mut self, identity: &Bytes, conn: Conn) {
        if let Some(entry) = self.entries.get_mut(identity)
            && entry.spare.take_if(|spare| **spare == conn).is_some()
        {
            self.prune(identity);
        }
    }

    /// The epoch of an identity; 0 where it has no session.
    fn epoch(&self, identity: &[u8]) -> u64 {
        self.entries.get(identity).map_or(0, |entry| entry.epoch())
    }

    fn in_use(&self) -> Refusal {
        Refusal {
            reason: Reason::IdentityInUse,
            retry: Retry::After(self.config.in_use_retry_ms),
        }
    }

    /// Forgets an identity of which nothing is left.
    fn prune(&mut self, identity: &Bytes) {
        if self
            .entries
            .get(identity)
            .is_some_and(|entry| entry.is_empty())
        {
            self.entries.remove(identity);
        }
    }

    /// Takes a session out of the number of those that wait.
    fn unpark(&mut self, identity: &Bytes, place: &Place) {
        if let Place::Parked(parked) = place
            && self.parked.remove(&(parked.since, identity.clone()))
        {
            self.parked_cost -= parked.cost;
        }
    }

    /// A session is over: remembers and tells it. What is left of it to read or to
    /// hand over becomes the drain, in place of the one that was.
    fn finish(
        &mut self,
        now: Duration,
        identity: &Bytes,
        session: Session<T>,
        why: Over,
        draining: Option<Conn>,
    ) -> Option<Displaced<T>> {
        self.unpark(identity, &session.place);
        let numbers = session.handle.numbers();
        let is_read = draining.is_none() && session.handle.all_handed_over();
        let gone = Gone {
            name: session.name,
            epoch: session.epoch,
            secrets: session.secrets(),
            numbers,
            handle: (!is_read).then(|| session.handle.clone()),
        };
        self.remembered.insert(identity, gone);
        self.events.push_back(Event::Over {
            identity: identity.clone(),
            epoch: session.epoch,
            why,
            numbers,
            handle: session.handle.clone(),
        });
        if is_read {
            return None;
        }
        let until = now.saturating_add(self.config.drain);
        let entry = self.entries.entry(identity.clone()).or_default();
        let before = entry.drain.replace(Box::new(Drain {
            epoch: session.epoch,
            conn: draining,
            handle: session.handle,
            until,
            was_late: false,
        }));
        self.timers.insert((until, Kind::Drain, identity.clone()));
        let before = before?;
        if before.until != until {
            self.timers
                .remove(&(before.until, Kind::Drain, identity.clone()));
        }
        Some(Displaced {
            conn: before.conn,
            epoch: before.epoch,
            handle: before.handle,
        })
    }
}
