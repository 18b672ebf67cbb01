//! Connections end, drains end, sessions expire.

use std::time::Duration;

use bytes::Bytes;

use super::{Conn, Decision, Displaced, Event, Held, Kind, Over, Parked, Place, Registry};
use crate::session::link::Fate;

impl<T: Held> Registry<T> {
    /// The end of the connection of `epoch` is decided; `draining` says that it is
    /// still being read. Its session waits to be resumed, or is over.
    ///
    /// `false` where the epoch is not the current one: nothing has happened.
    pub fn lost(
        &mut self,
        now: Duration,
        identity: &Bytes,
        epoch: u64,
        fate: Fate,
        draining: bool,
    ) -> bool {
        self.handle_timeout(now);
        let Some(entry) = self.entries.get_mut(identity) else {
            return false;
        };
        let Some((conn, current)) = entry.live() else {
            return false;
        };
        if current != epoch {
            return false;
        }
        let dying = draining.then_some(conn);
        let stays = fate == Fate::Stays && !self.config.resume_for.is_zero();
        if stays {
            self.park(now, identity, dying);
        } else if let Some(session) = entry.session.take() {
            let displaced = self.finish(now, identity, session, Over::Ended, dying);
            self.cut_displaced(displaced);
        }
        let waited = self.stop_waiting(identity, |_| true);
        self.keep_bounds(now);
        self.prune(identity);
        // Whoever waited for its answer need not wait any more.
        if let Some(conn) = waited {
            let decision = Decision::Take(self.claim(identity, conn));
            self.events.push_back(Event::Decided { conn, decision });
        }
        true
    }

    /// The connection of `epoch`, whose end was told before, has been read to its
    /// end, and what it brought was handed over.
    ///
    /// `false` where it was not being drained any more: nothing has happened.
    pub fn drained(&mut self, now: Duration, identity: &Bytes, epoch: u64) -> bool {
        self.handle_timeout(now);
        self.remembered.all_read(identity, epoch);
        let Some(entry) = self.entries.get_mut(identity) else {
            return false;
        };
        if let Some(session) = &mut entry.session
            && session.epoch == epoch
            && let Place::Parked(parked) = &mut session.place
        {
            return parked.dying.take().is_some();
        }
        let Some(drain) = entry.drain.take_if(|drain| drain.epoch == epoch) else {
            return false;
        };
        self.timers
            .remove(&(drain.until, Kind::Drain, identity.clone()));
        self.release(identity);
        true
    }

    /// The live connection to which BYE `kicked` is to be said, if `epoch` is
    /// still the current one.
    #[must_use]
    pub fn kick(&self, identity: &[u8], epoch: u64) -> Option<Conn> {
        let (conn, current) = self.entries.get(identity)?.live()?;
        (current == epoch).then_some(conn)
    }

    /// The session of `epoch`, which waits to be resumed, is over: its program has
    /// ended it, or another host has its identity now.
    ///
    /// `false` where it is not current, or connected (then say BYE): nothing has
    /// happened.
    pub fn discard(&mut self, now: Duration, identity: &Bytes, epoch: u64, why: Over) -> bool {
        self.handle_timeout(now);
        let parked = self
            .entries
            .get(identity)
            .and_then(|entry| entry.session.as_ref())
            .is_some_and(|session| {
                session.epoch == epoch && matches!(session.place, Place::Parked(_))
            });
        if parked {
            self.expire(now, identity, why);
        }
        parked
    }

    /// The session of `epoch`, which waits to be resumed, keeps more or less than
    /// before.
    pub fn recharge(&mut self, now: Duration, identity: &Bytes, epoch: u64) {
        let entry = self.entries.get_mut(identity);
        if let Some(session) = entry.and_then(|entry| entry.session.as_mut())
            && session.epoch == epoch
            && let Place::Parked(parked) = &mut session.place
        {
            self.parked_cost -= parked.cost;
            parked.cost = session.handle.cost();
            self.parked_cost += parked.cost;
            self.keep_bounds(now);
        }
    }

    /// When to call [`Self::handle_timeout`]; `None` where nothing is due ever.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let expiry = self.parked.first().map(|(since, _)| {
            self.hold_ups
                .look(since.saturating_add(self.config.resume_for))
        });
        let timer = self.timers.first().map(|(at, _, _)| *at);
        [expiry, timer].into_iter().flatten().min()
    }

    /// Time has come. Every call that is given `now` does this first.
    ///
    /// Where it comes late, this side was held up (stopped, swapped out, its machine
    /// asleep), and with it everybody who wanted to come back. That time does not count
    /// for the sessions that wait: they are not over for a fault of this side.
    pub fn handle_timeout(&mut self, now: Duration) {
        let due = self.next_deadline();
        let counted = self.hold_ups.called(now, due);
        while let Some((_, identity)) = self
            .parked
            .first()
            .filter(|(since, _)| counted >= since.saturating_add(self.config.resume_for))
        {
            let identity = identity.clone();
            self.expire(now, &identity, Over::Expired);
        }
        while let Some((_, kind, identity)) = self.timers.first().filter(|(at, _, _)| now >= *at) {
            let (kind, identity) = (*kind, identity.clone());
            match kind {
                Kind::Drain => self.end_drain(now, &identity),
                Kind::Verify => {
                    self.refuse_waiting(&identity);
                    self.prune(&identity);
                }
            }
        }
    }

    fn park(&mut self, now: Duration, identity: &Bytes, dying: Option<Conn>) {
        let Some(entry) = self.entries.get_mut(identity) else {
            return;
        };
        let Some(session) = &mut entry.session else {
            return;
        };
        let cost = session.handle.cost();
        let since = self.hold_ups.counted(now);
        session.place = Place::Parked(Box::new(Parked { since, cost, dying }));
        // Only one connection is read that is not live. What the older one has
        // brought is still handed over first.
        if dying.is_some()
            && let Some(drain) = &mut entry.drain
            && let Some(conn) = drain.conn.take()
        {
            self.events.push_back(Event::Cut(conn));
        }
        self.parked.insert((since, identity.clone()));
        self.parked_cost += cost;
    }

    /// The oldest go first.
    fn keep_bounds(&mut self, now: Duration) {
        loop {
            let why = if self.parked.len() > self.config.most_parked {
                Over::TooMany
            } else if self.parked_cost > self.config.most_parked_cost {
                Over::TooMuch
            } else {
                return;
            };
            let Some((_, identity)) = self.parked.first() else {
                return;
            };
            let identity = identity.clone();
            self.expire(now, &identity, why);
        }
    }

    fn expire(&mut self, now: Duration, identity: &Bytes, why: Over) {
        let entry = self.entries.get_mut(identity);
        let Some(session) = entry.and_then(|entry| entry.session.take()) else {
            return;
        };
        if let Place::Parked(parked) = &session.place
            && let Some(conn) = parked.dying
        {
            self.events.push_back(Event::Cut(conn));
        }
        let displaced = self.finish(now, identity, session, why, None);
        self.cut_displaced(displaced);
        self.prune(identity);
    }

    fn cut_displaced(&mut self, displaced: Option<Displaced<T>>) {
        if let Some(conn) = displaced.and_then(|displaced| displaced.conn) {
            self.events.push_back(Event::Cut(conn));
        }
    }

    fn end_drain(&mut self, now: Duration, identity: &Bytes) {
        let bound = self.config.drain;
        let Some(entry) = self.entries.get_mut(identity) else {
            return;
        };
        let Some(drain) = &mut entry.drain else {
            return;
        };
        let old = (drain.until, Kind::Drain, identity.clone());
        self.timers.remove(&old);
        if now - drain.until > bound && !drain.was_late {
            // This side was held up: what waits on the connection is read first.
            drain.was_late = true;
            drain.until = now.saturating_add(bound);
            self.timers
                .insert((drain.until, Kind::Drain, identity.clone()));
            return;
        }
        let conn = drain.conn;
        entry.drain = None;
        self.events.extend(conn.map(Event::Cut));
        self.release(identity);
    }

    /// There is no drain any more.
    fn release(&mut self, identity: &Bytes) {
        if let Some(entry) = self.entries.get(identity)
            && let Some(session) = &entry.session
        {
            let epoch = session.epoch;
            self.events.push_back(Event::Released {
                identity: identity.clone(),
                epoch,
            });
        }
        self.prune(identity);
    }
}
