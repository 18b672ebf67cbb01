//! A registration is put into effect, in one step under the book's lock.

use std::sync::Arc;
use std::time::Duration;

use ayt_core::detectors::{Fixed, Terms as Promise};
use ayt_core::session::frame::{Bits128, Reason, Refuse, Retry};
use ayt_core::session::handshake::{Admission, ResumeRequest, ServerStep, Terms, negotiate};
use ayt_core::session::link;
use ayt_core::session::proof::Secret;
use ayt_core::session::registry::{self, Claim, Held as _, InsteadOf, NewSession};
use ayt_core::session::traffic::{Accepts, Config, Traffic};
use tokio::sync::mpsc;

use super::Session;
use super::book::Book;
use super::connection::{Admitted, Carried, refusal};
use super::decide::Deciding;
use super::held::{Keep, Kept};
use super::log;
use super::register::Registration;
use super::shared::random;
use super::stats::one_more;
use crate::session::driver::{Core, Ticket, beat};

/// What is to be put into effect.
pub(super) struct ToCommit {
    pub(super) claim: Claim,
    pub(super) epoch: u64,
    pub(super) place: Option<mpsc::OwnedPermit<Session>>,
}

/// What came of it.
pub(super) enum Committed {
    Admitted(Box<Admitted>),
    /// Nothing has changed, and nothing will.
    Refused(Refuse),
    /// Nothing has changed; ask anew.
    Again,
}

/// A session that has changed hands under the lock.
struct Moved {
    kept: Arc<Kept>,
    ticket: Ticket,
    admission: Admission,
    new: bool,
}

impl Deciding<'_, '_> {
    pub(super) fn commit(&mut self, commit: ToCommit) -> Committed {
        let ToCommit {
            claim,
            epoch,
            place,
        } = commit;
        let registration = self.registration;
        let shared = registration.shared;
        let (name, secret) = match (random(), random()) {
            (Ok(name), Ok(secret)) => (name, secret),
            (Err(error), _) | (_, Err(error)) => {
                return Committed::Refused(registration.unable("no random bits", &error));
            }
        };
        let terms = negotiate(&shared.terms, &self.hello);
        let committed = shared.book(|book, now| {
            if let Some(refuse) = self.handshake.poll(now) {
                return Err(Committed::Refused(refuse));
            }
            // Under the lock: whoever is admitted before is told of the shutdown.
            if let Some(retry) = shared.closing() {
                let text = "the server is shutting down";
                let refuse = refusal(Reason::ShuttingDown, retry, text);
                return Err(Committed::Refused(refuse));
            }
            let resumes = claim.resumes();
            let claim = claim.at(epoch);
            let moved = if resumes {
                self.resumed(book, now, claim, (secret, epoch))
            } else {
                self.registered(book, now, claim, (name, secret, epoch))
            };
            let Some(moved) = moved else {
                return Err(Committed::Again);
            };
            self.attached(book, now, moved, (epoch, &terms))
        });
        let (admitted, kept, new) = match committed {
            Ok(done) => done,
            Err(committed) => return committed,
        };
        if let (true, Some(place)) = (new, place) {
            place.send(Session::new(shared.clone(), kept));
        }
        Committed::Admitted(admitted)
    }

    fn resumed(
        &self,
        book: &mut Book,
        now: Duration,
        claim: Claim,
        (secret, epoch): (Bits128, u64),
    ) -> Option<Moved> {
        let ResumeRequest::Proved { received, .. } = &self.resume else {
            return None;
        };
        // What came over the older connection since it was judged may have changed it.
        let (_, _, keep) = book.registry.current(&self.hello.identity)?;
        keep.may_resume(*received, self.accepts()).ok()?;
        let renewed = registry::Secret(secret);
        let resumed = book.registry.commit_resume(now, claim, renewed).ok()?;
        book.resumed(&resumed);
        let kept = resumed.handle.0;
        let ticket = kept.core.part();
        let announced = kept.core.announce();
        // Judged a few lines above, under the same lock.
        let fits = kept.core.resume(*received, self.accepts());
        debug_assert!(fits.is_ok(), "{fits:?}");
        one_more(&self.registration.shared.counters.resumed);
        let admission = Admission::Resumed {
            epoch,
            secret: Secret::new(secret),
            received: announced,
        };
        Some(Moved {
            kept,
            ticket,
            admission,
            new: false,
        })
    }

    fn registered(
        &self,
        book: &mut Book,
        now: Duration,
        claim: Claim,
        (name, secret, epoch): (Bits128, Bits128, u64),
    ) -> Option<Moved> {
        let Registration { shared, peer, .. } = self.registration;
        let limits = &shared.limits;
        let traffic = Traffic::new(Config {
            own: Accepts {
                max_payload: limits.max_payload,
                window: limits.window,
            },
            peer: self.accepts(),
            replay_bound: limits.replay_bound,
            ack_delay: limits.ack_delay,
        });
        let core = Core::of(shared.clock, traffic);
        let identity = self.hello.identity.clone();
        let kept = Arc::new(Kept::new(identity, core, *peer));
        let instead_of = match &self.resume {
            ResumeRequest::Proved {
                session, received, ..
            } => Some(InsteadOf {
                session: *session,
                received: *received,
            }),
            ResumeRequest::NotAsked | ResumeRequest::Unknown => None,
        };
        let new = NewSession {
            name,
            secret: registry::Secret(secret),
            handle: Keep(kept.clone()),
            instead_of,
        };
        let taken = book.registry.commit(now, claim, new).ok()?;
        book.taken(&taken, &kept, &shared.counters);
        one_more(&shared.counters.registered);
        let ticket = kept.core.part();
        let admission = Admission::New {
            epoch,
            session: name,
            secret: Secret::new(secret),
            known: taken.known,
        };
        Some(Moved {
            kept,
            ticket,
            admission,
            new: true,
        })
    }

    /// The session has its connection from here on; WELCOME is the first thing on it.
    fn attached(
        &mut self,
        book: &mut Book,
        now: Duration,
        moved: Moved,
        (epoch, terms): (u64, &Terms),
    ) -> Result<(Box<Admitted>, Arc<Kept>, bool), Committed> {
        let Registration {
            shared, peer, conn, ..
        } = self.registration;
        let Moved {
            kept,
            ticket,
            admission,
            new,
        } = moved;
        let (link_terms, detector) = self.terms(terms, now);
        kept.core.attach(&ticket, link_terms, detector);
        kept.connected(*peer, epoch);
        book.conns.insert(*conn, kept.clone());
        let step = self.handshake.admit(&admission, terms, now);
        let welcome = match step {
            Ok(ServerStep::Registered(welcome)) => welcome,
            other => {
                // The terms were checked when the server was built, and the time a few
                // lines above.
                log::unable(
                    *peer,
                    "an admission was not taken",
                    &format_args!("{other:?}"),
                );
                book.closed(now, (&kept, *conn, epoch), &shared.counters);
                let text = "the server cannot decide now";
                let refuse = refusal(Reason::Overloaded, Retry::After(0), text);
                return Err(Committed::Refused(refuse));
            }
        };
        let carried = Carried::new((*shared).clone(), kept.clone(), (*conn, epoch));
        let admitted = Admitted {
            carried,
            ticket,
            welcome,
            max_payload: terms.max_payload,
        };
        Ok((Box::new(admitted), kept, new))
    }

    /// What was agreed, for the link.
    fn terms(&self, terms: &Terms, now: Duration) -> (link::Terms, Option<Fixed>) {
        let limits = &self.registration.shared.limits;
        let challenge = Duration::from_millis(terms.challenge_ms.into());
        let link = link::Terms {
            own_beat: beat(terms.server_beat_ms),
            challenge,
            peer_is_one_way: self.hello.one_way,
            drain: limits.drain,
            finish: limits.finish,
        };
        let promise = beat(terms.client_beat_ms)
            // In range: what was negotiated is.
            .and_then(|beat| Promise::new(beat, terms.misses, challenge).ok())
            .map(|promise| {
                if self.hello.one_way {
                    promise.one_way()
                } else {
                    promise
                }
            });
        (link, promise.map(|promise| Fixed::new(promise, now)))
    }
}
