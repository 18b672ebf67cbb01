//! A connection registers anew.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Claim, Conn, Decision, Event, Held, Kind, NewSession, Over, Place, Policy, Refusal, Registry,
    Session, Stale, Taken, Waiting,
};
use crate::session::frame::{Reason, Retry};

impl<T: Held> Registry<T> {
    /// A connection that has proved its identity wants a new session.
    pub fn register(&mut self, now: Duration, identity: &Bytes, conn: Conn) -> Decision {
        self.handle_timeout(now);
        let live = self.entries.get(identity).and_then(|entry| entry.live());
        let Some((older, epoch)) = live else {
            return Decision::Take(self.claim(identity, conn));
        };
        if self.config.policy == Policy::Oldest {
            return Decision::Refuse(self.in_use());
        }
        if let Some(refusal) = self.flapping(now, identity) {
            return Decision::Refuse(refusal);
        }
        if self.config.policy == Policy::Newest {
            return Decision::Take(self.claim(identity, conn));
        }
        self.wait(now, identity, conn, (older, epoch))
    }

    /// What came of asking the connection of epoch `asked`: it answered, or was
    /// silent for the challenge time. Gives the connection that waited for that,
    /// and what becomes of it; `None` where nobody waits for it any more.
    pub fn verified(
        &mut self,
        now: Duration,
        identity: &Bytes,
        asked: u64,
        answered: bool,
    ) -> Option<(Conn, Decision)> {
        self.handle_timeout(now);
        let conn = self.stop_waiting(identity, |waiting| waiting.asked == asked)?;
        let decision = if answered {
            Decision::Refuse(self.in_use())
        } else if let Some(refusal) = self.flapping(now, identity) {
            Decision::Refuse(refusal)
        } else {
            Decision::Take(self.claim(identity, conn))
        };
        Some((conn, decision))
    }

    /// A connection that waited has ended, or given up.
    pub fn withdraw(&mut self, identity: &Bytes, conn: Conn) {
        self.stop_waiting(identity, |waiting| waiting.conn == conn);
        self.prune(identity);
    }

    /// Registers, in one step: compares and sets the epoch. An older session of
    /// the identity is over from here on.
    ///
    /// # Errors
    /// Another registration was faster. Nothing has changed.
    pub fn commit(
        &mut self,
        now: Duration,
        claim: Claim,
        new: NewSession<T>,
    ) -> Result<Taken<T>, Stale> {
        self.handle_timeout(now);
        let identity = claim.identity.clone();
        let epoch = self.advance(&claim)?;
        // Before the older one is over: its numbers are remembered then.
        let known = new
            .instead_of
            .and_then(|lost| self.settle(&identity, &lost))
            .map(|numbers| numbers.handed_over);
        let entry = self.entries.entry(identity.clone()).or_default();
        let older = entry.session.replace(Session {
            name: new.name,
            secret: new.secret,
            previous: None,
            epoch,
            handle: new.handle,
            place: Place::Live(claim.conn),
        });
        let (mut superseded, mut displaced) = (None, None);
        if let Some(older) = older {
            let draining = match older.place {
                Place::Live(conn) => {
                    let flaps = entry.flaps.get_or_insert_default();
                    flaps.count(now, &self.config.flap);
                    superseded = Some(conn);
                    superseded
                }
                Place::Parked(ref parked) => parked.dying,
            };
            // One whose heartbeat was missed has had its BYE, and is being drained.
            displaced = self.finish(now, &identity, older, Over::Superseded, draining);
        }
        self.refuse_waiting(&identity);
        let held = self
            .entries
            .get(&identity)
            .is_some_and(|entry| entry.drain.is_some());
        Ok(Taken {
            epoch,
            superseded,
            displaced,
            held,
            known,
        })
    }

    pub(super) fn claim(&self, identity: &Bytes, conn: Conn) -> Claim {
        Claim {
            identity: identity.clone(),
            conn,
            expected: self.epoch(identity),
            resume: None,
            epoch: None,
        }
    }

    /// Compares and sets the epoch to a new one.
    pub(super) fn advance(&mut self, claim: &Claim) -> Result<u64, Stale> {
        let own = self.last_epoch.max(claim.expected) + 1;
        let epoch = claim.epoch.unwrap_or(own);
        if epoch <= claim.expected {
            let current = claim.expected;
            return Err(Stale { current });
        }
        let current = self.epoch(&claim.identity);
        if current != claim.expected {
            return Err(Stale { current });
        }
        self.last_epoch = self.last_epoch.max(epoch);
        Ok(epoch)
    }

    /// Refuses where the identity was taken over too often.
    pub(super) fn flapping(&mut self, now: Duration, identity: &Bytes) -> Option<Refusal> {
        let limit = &self.config.flap;
        let entry = self.entries.get_mut(identity)?;
        let news = entry.flaps.as_mut()?.too_many(now, limit)?;
        if news {
            self.events.push_back(Event::Flapping(identity.clone()));
        }
        Some(Refusal {
            reason: Reason::Flapping,
            retry: Retry::After(limit.retry_ms),
        })
    }

    /// Only the newest waits; the clock of the older one's answer goes on.
    fn wait(
        &mut self,
        now: Duration,
        identity: &Bytes,
        conn: Conn,
        (older, epoch): (Conn, u64),
    ) -> Decision {
        let in_use = self.in_use();
        // The driver tells within the challenge time, and a little later where
        // its own timer was late. Should it not tell, the older one stays.
        let until = now.saturating_add(self.config.challenge * 3);
        let entry = self.entries.entry(identity.clone()).or_default();
        let before = entry.waiting.as_ref().map(|waiting| (waiting.conn, in_use));
        if let Some(waiting) = &mut entry.waiting {
            waiting.conn = conn;
        } else {
            entry.waiting = Some(Box::new(Waiting {
                conn,
                asked: epoch,
                until,
            }));
            self.timers.insert((until, Kind::Verify, identity.clone()));
        }
        Decision::Verify {
            ask: before.is_none().then_some(older),
            epoch,
            refused: before,
        }
    }

    /// The connection that waits, if `which` is true of it. It waits no more.
    pub(super) fn stop_waiting(
        &mut self,
        identity: &Bytes,
        which: impl FnOnce(&Waiting) -> bool,
    ) -> Option<Conn> {
        let entry = self.entries.get_mut(identity)?;
        let waiting = entry.waiting.take_if(|waiting| which(waiting))?;
        self.timers
            .remove(&(waiting.until, Kind::Verify, identity.clone()));
        Some(waiting.conn)
    }

    /// Whom the waiting one waited for is no longer there to be asked, and has a
    /// successor.
    pub(super) fn refuse_waiting(&mut self, identity: &Bytes) {
        if let Some(conn) = self.stop_waiting(identity, |_| true) {
            let decision = Decision::Refuse(self.in_use());
            self.events.push_back(Event::Decided { conn, decision });
        }
    }
}
