//! A connection goes on with an old session.

use std::time::Duration;

use bytes::Bytes;

use super::values::Proven;
use super::{
    Answer, Claim, Conn, Decision, Event, Held, InsteadOf, Place, Refusal, Registry, Resumed,
    Secret, Session, Stale, Wish,
};
use crate::session::frame::{Bits128, Reason, Retry};
use crate::session::handshake::ResumeSecrets;
use crate::session::proof;
use crate::session::traffic::Numbers;

const NOT_AUTHORISED: Refusal = Refusal {
    reason: Reason::NotAuthorised,
    retry: Retry::Never,
};

impl<T: Held> Registry<T> {
    /// A connection that has proved its identity wants to go on with a session.
    ///
    /// The secret is what lets a session move, not the policy: also with
    /// [`Policy::Oldest`](super::Policy::Oldest) a device gets its own session
    /// back while its old connection seems to stand.
    pub fn resume(
        &mut self,
        now: Duration,
        identity: &Bytes,
        conn: Conn,
        wish: &Wish<'_>,
    ) -> Answer {
        self.handle_timeout(now);
        let current = self
            .entries
            .get(identity)
            .and_then(|entry| entry.session.as_ref())
            .filter(|session| session.name == wish.session);
        if let Some(session) = current {
            let secrets = session.secrets();
            let Some(proven) = proven(&secrets, wish) else {
                return Answer::Refuse(NOT_AUTHORISED);
            };
            let mut claim = self.claim(identity, conn);
            let handle = &session.handle;
            if handle.may_resume(wish.received, wish.accepts).is_ok() {
                claim.resume = Some((wish.session, proven));
                return Answer::Go(claim);
            }
            // It is the same device, so there is nothing for a policy to decide.
            return Answer::Fresh(match self.flapping(now, identity) {
                Some(refusal) => Decision::Refuse(refusal),
                None => Decision::Take(claim),
            });
        }
        if let Some(gone) = self.remembered.get(identity, &wish.session)
            && proven(&gone.secrets, wish).is_none()
        {
            return Answer::Refuse(NOT_AUTHORISED);
        }
        Answer::Fresh(self.register(now, identity, conn))
    }

    /// Resumes, in one step: compares and sets the epoch, and replaces the secret.
    /// The secret that was proved stays valid until [`Self::heard`], since WELCOME
    /// may be lost.
    ///
    /// # Errors
    /// Something else happened to the identity meanwhile. Nothing has changed.
    pub fn commit_resume(
        &mut self,
        now: Duration,
        claim: Claim,
        secret: Secret,
    ) -> Result<Resumed<T>, Stale> {
        self.handle_timeout(now);
        let identity = claim.identity.clone();
        let session = self
            .entries
            .get(&identity)
            .and_then(|entry| entry.session.as_ref());
        let (Some(session), Some((name, proven))) = (session, claim.resume) else {
            let current = self.epoch(&identity);
            return Err(Stale { current });
        };
        if session.name != name {
            let current = self.epoch(&identity);
            return Err(Stale { current });
        }
        let place = session.place.clone();
        let epoch = self.advance(&claim)?;
        self.unpark(&identity, &place);
        self.refuse_waiting(&identity);
        let cut = match place {
            Place::Live(conn) => Some(conn),
            Place::Parked(parked) => parked.dying,
        };
        let entry = self.entries.entry(identity).or_default();
        let held = entry.drain.is_some();
        let Some(session) = &mut entry.session else {
            return Err(Stale { current: epoch });
        };
        let proved = match proven {
            Proven::Current => session.secret,
            // Gone where the client was heard meanwhile: then it has the other.
            Proven::Previous => session.secrets()[1].unwrap_or(session.secret),
        };
        session.previous = Some(Box::new(proved));
        session.secret = secret;
        session.epoch = epoch;
        session.place = Place::Live(claim.conn);
        Ok(Resumed {
            epoch,
            handle: session.handle.clone(),
            cut,
            held,
        })
    }

    /// The first frame after WELCOME has come: the client has the new secret, and
    /// the one before it is worth nothing any more.
    pub fn heard(&mut self, identity: &Bytes, epoch: u64) {
        let entry = self.entries.get_mut(identity);
        if let Some(session) = entry.and_then(|entry| entry.session.as_mut())
            && session.epoch == epoch
        {
            session.previous = None;
        }
    }

    /// The secrets with which the session of that name may be proved, kept or
    /// over; `None` where this identity has none of that name.
    #[must_use]
    pub fn secrets(&self, identity: &[u8], session: &Bits128) -> Option<ResumeSecrets> {
        let current = self
            .entries
            .get(identity)
            .and_then(|entry| entry.session.as_ref())
            .filter(|kept| kept.name == *session)
            .map(Session::secrets);
        let [newest, previous] = current.or_else(|| {
            let gone = self.remembered.get(identity, session)?;
            Some(gone.secrets)
        })?;
        let newest = proof::Secret::new(newest?.0);
        let Some(previous) = previous else {
            return Some(ResumeSecrets::new(newest));
        };
        let previous = proof::Secret::new(previous.0);
        let mut secrets = ResumeSecrets::new(previous.clone());
        secrets.renew(previous, newest);
        Some(secrets)
    }

    /// A session that could not be resumed has a successor: where it stands for good,
    /// if it is known.
    pub(super) fn settle(&mut self, identity: &Bytes, lost: &InsteadOf) -> Option<Numbers> {
        let current = self
            .entries
            .get(identity)
            .and_then(|entry| entry.session.as_ref())
            .filter(|session| session.name == lost.session);
        let numbers = match current {
            Some(session) => session.handle.settle(),
            None => self.remembered.settle(identity, &lost.session)?,
        };
        self.events.push_back(Event::Settled {
            identity: identity.clone(),
            peer_received: lost.received,
            numbers,
        });
        Some(numbers)
    }
}

/// The secret with which the wish is proved.
fn proven(secrets: &[Option<Secret>; 2], wish: &Wish<'_>) -> Option<Proven> {
    let [current, previous] = secrets.map(|secret| secret.is_some_and(|s| (wish.proves)(&s.0)));
    match (current, previous) {
        (true, _) => Some(Proven::Current),
        (_, true) => Some(Proven::Previous),
        _ => None,
    }
}
