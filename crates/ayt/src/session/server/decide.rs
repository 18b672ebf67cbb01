//! The decision: the session store and the registry are asked, and changed, in the one
//! order that keeps an identity to one live session.
//!
//! Under the identity's gate: read the record; ask the registry; compare and set the
//! record to a new epoch; commit that epoch to the registry. Whoever is faster anywhere
//! makes the rest void, and it begins again. Nobody holds the gate while it waits for
//! an older connection's answer.

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Bits128, Hello, Reason, Refuse};
use ayt_core::session::handshake::{ResumeRequest, Server as Handshake, ServerStep};
use ayt_core::session::registry::{Answer, Claim, Decision, Policy, Refusal, Wish};
use ayt_core::session::traffic::Accepts;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use super::Session;
use super::book::Book;
use super::commit::{Committed, ToCommit};
use super::connection::refusal;
use super::log;
use super::register::{Outcome, Registration};
use super::shared::Shared;
use super::tasks;
use crate::session::store::{Conflict, Record};
use crate::session::wire::read_frame;

/// One decision.
pub(super) struct Deciding<'r, 's> {
    pub(super) registration: &'r Registration<'s>,
    pub(super) handshake: &'r mut Handshake,
    pub(super) hello: Hello,
    /// The session to be found, until it was.
    find: Option<Bits128>,
    pub(super) resume: ResumeRequest,
    /// A claim that waited for the older one's answer.
    waited: Option<Claim>,
}

/// What the registry says.
enum Verdict {
    Take(Claim),
    /// Wait for the older one's answer.
    Wait(oneshot::Receiver<Decision>),
    Refuse(Refuse),
}

impl<'r, 's> Deciding<'r, 's> {
    pub(super) fn new(
        registration: &'r Registration<'s>,
        handshake: &'r mut Handshake,
        hello: Hello,
        find: Option<Bits128>,
    ) -> Self {
        Self {
            registration,
            handshake,
            hello,
            find,
            resume: ResumeRequest::NotAsked,
            waited: None,
        }
    }

    pub(super) fn asks(&mut self, resume: ResumeRequest) {
        self.resume = resume;
    }

    pub(super) async fn run<S>(mut self, io: &mut S, decoder: &mut Decoder) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let registration = self.registration;
        loop {
            let waits = match registration.within(self.attempt()).await {
                Ok(Attempt::Done(outcome)) => return outcome,
                Ok(Attempt::Again) => continue,
                Ok(Attempt::Wait(waits)) => waits,
                Err(stopped) => return registration.stop(self.handshake, &stopped),
            };
            tokio::select! {
                biased;
                decided = registration.within(waits) => match decided {
                    Ok(Ok(Decision::Take(claim))) => self.waited = Some(claim),
                    Ok(Ok(Decision::Refuse(refusal))) => {
                        return Outcome::Refused(said(refusal));
                    }
                    // Asked again, or the book is gone.
                    Ok(Ok(Decision::Verify { .. }) | Err(_)) => {}
                    Err(stopped) => {
                        self.withdraw();
                        return registration.stop(self.handshake, &stopped);
                    }
                },
                frame = read_frame(io, decoder) => {
                    self.withdraw();
                    return match registration.came(self.handshake, frame) {
                        Some(ServerStep::Refused(refuse)) => Outcome::Refused(refuse),
                        _ => Outcome::Gone,
                    };
                }
            }
        }
    }

    /// It waits no more.
    fn withdraw(&self) {
        let Registration { shared, conn, .. } = self.registration;
        shared.book(|book, _| {
            book.waiters.remove(conn);
            book.registry.withdraw(&self.hello.identity, *conn);
        });
    }

    async fn attempt(&mut self) -> Attempt {
        let shared = self.registration.shared;
        let identity = self.hello.identity.clone();
        let _gate = shared.gate(&identity).await;
        let record = match shared.store.get(&identity).await {
            Ok(record) => record,
            Err(error) => return self.no_store(&error),
        };
        let elsewhere = record.clone().filter(|record| record.node != shared.node);
        let verdict = shared.book(|book, now| self.judge(book, now, elsewhere.as_ref()));
        let claim = match verdict {
            Verdict::Take(claim) => claim,
            Verdict::Wait(waits) => return Attempt::Wait(waits),
            Verdict::Refuse(refuse) => return Attempt::Done(Outcome::Refused(refuse)),
        };
        let place = if claim.resumes() {
            None
        } else {
            match self.place() {
                Ok(place) => Some(place),
                Err(refuse) => return Attempt::Done(Outcome::Refused(refuse)),
            }
        };
        let new = Record {
            node: shared.node.clone(),
            epoch: shared.next_epoch(record.as_ref().map_or(0, |record| record.epoch)),
            connected: true,
        };
        let epoch = new.epoch;
        if let Some(older) = elsewhere {
            // From here on the older server may have lost its record.
            shared.book(|book, _| book.taken_from.insert(identity.clone(), older));
        }
        let mut setting = Setting {
            shared,
            identity: &identity,
            is_settled: false,
        };
        match shared
            .store
            .compare_and_set(&identity, record.as_ref(), new)
            .await
        {
            Ok(()) => {}
            Err(Conflict::Changed(_)) => {
                setting.is_settled = true;
                shared.book(|book, _| book.taken_from.remove(&identity));
                return Attempt::Again;
            }
            Err(Conflict::Unavailable(error)) => return self.no_store(&error),
        }
        let committed = self.commit(ToCommit {
            claim,
            epoch,
            place,
        });
        // Whatever came of it here: the record is no longer the other server's.
        let told = tasks::tell_older(shared, &identity).await;
        if let Err(error) = &told {
            log::store(
                "another server is not told yet that it has lost a session",
                error,
            );
        }
        match committed {
            Committed::Admitted(admitted) => {
                setting.is_settled = told.is_ok();
                Attempt::Done(Outcome::Session(admitted))
            }
            Committed::Refused(refuse) => Attempt::Done(Outcome::Refused(refuse)),
            Committed::Again => Attempt::Again,
        }
    }

    fn no_store(&self, error: &dyn std::fmt::Display) -> Attempt {
        let refuse = self
            .registration
            .unable("a client cannot be registered", error);
        Attempt::Done(Outcome::Refused(refuse))
    }

    /// Room for a new session where the program takes them from.
    fn place(&self) -> Result<mpsc::OwnedPermit<Session>, Refuse> {
        let shared = self.registration.shared;
        let retry = shared.spread(std::time::Duration::from_secs(1));
        let queue = super::shared::lock(&shared.queue).clone();
        let Some(queue) = queue else {
            return Err(refusal(
                Reason::ShuttingDown,
                retry,
                "the server is shutting down",
            ));
        };
        let connected = shared.book(|book, _| book.conns.len());
        if connected >= shared.limits.connected {
            return Err(refusal(Reason::Overloaded, retry, "too many sessions"));
        }
        match queue.try_reserve_owned() {
            Ok(place) => Ok(place),
            Err(_) => Err(refusal(
                Reason::Overloaded,
                retry,
                "the server's program does not take its sessions",
            )),
        }
    }

    /// What the registry says; nothing is changed for good.
    fn judge(
        &mut self,
        book: &mut Book,
        now: std::time::Duration,
        elsewhere: Option<&Record>,
    ) -> Verdict {
        let identity = self.hello.identity.clone();
        if let Some(name) = self.find.take() {
            let secrets = book.registry.secrets(&identity, &name);
            match self.handshake.session(secrets.as_ref(), now) {
                Ok(ServerStep::Decide(request)) => self.resume = request.resume,
                Ok(ServerStep::Refused(refuse)) => return Verdict::Refuse(refuse),
                _ => return Verdict::Refuse(said(not_now())),
            }
        }
        if let Some(record) = elsewhere {
            let stays = self.registration.shared.policy != Policy::Newest;
            if record.connected && stays {
                let refusal = Refusal {
                    reason: Reason::IdentityInUse,
                    retry: self
                        .registration
                        .shared
                        .spread(self.registration.shared.limits.in_use_retry),
                };
                return Verdict::Refuse(said(refusal));
            }
            // What is here of the identity was taken over, and the kick is on its way.
            book.supersede(now, &identity, record.epoch);
        }
        if let Some(claim) = self.waited.take() {
            return Verdict::Take(claim);
        }
        let decision = match self.ask(book, now) {
            Answer::Go(claim) => return Verdict::Take(claim),
            Answer::Fresh(decision) => decision,
            Answer::Refuse(refusal) => return Verdict::Refuse(said(refusal)),
        };
        match decision {
            Decision::Take(claim) => Verdict::Take(claim),
            Decision::Refuse(refusal) => Verdict::Refuse(said(refusal)),
            Decision::Verify { ask, refused, .. } => {
                let (tell, waits) = oneshot::channel();
                if let Some((conn, refusal)) = refused {
                    book.tell(conn, Decision::Refuse(refusal));
                }
                book.waiters.insert(self.registration.conn, tell);
                if let Some(older) = ask.and_then(|conn| book.conns.get(&conn)) {
                    older.core.ask();
                }
                Verdict::Wait(waits)
            }
        }
    }

    fn ask(&self, book: &mut Book, now: std::time::Duration) -> Answer {
        let (identity, conn) = (&self.hello.identity, self.registration.conn);
        let ResumeRequest::Proved {
            session,
            received,
            by,
        } = &self.resume
        else {
            return Answer::Fresh(book.registry.register(now, identity, conn));
        };
        let proves = |secret: &Bits128| secret == by.bits();
        let wish = Wish {
            session: *session,
            received: *received,
            accepts: self.accepts(),
            proves: &proves,
        };
        book.registry.resume(now, identity, conn, &wish)
    }

    /// What the client takes.
    pub(super) const fn accepts(&self) -> Accepts {
        Accepts {
            max_payload: self.hello.max_payload,
            window: self.hello.window,
        }
    }
}

/// What came of one attempt.
enum Attempt {
    Done(Outcome),
    /// Something was faster.
    Again,
    Wait(oneshot::Receiver<Decision>),
}

/// While the record is being set. Wherever that is left, refused, late or with the
/// server, the record may say what the registry does not: it is put right.
struct Setting<'a> {
    shared: &'a Shared,
    identity: &'a Bytes,
    is_settled: bool,
}

impl Drop for Setting<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.shared
                .book(|book, _| book.changed.insert(self.identity.clone()));
        }
    }
}

const fn not_now() -> Refusal {
    Refusal {
        reason: Reason::Overloaded,
        retry: ayt_core::session::frame::Retry::After(0),
    }
}

/// A refusal in words.
fn said(refused: Refusal) -> Refuse {
    let text = match refused.reason {
        Reason::IdentityInUse => "another connection of this identity stays",
        Reason::Flapping => "taken over too often: do two devices use this identity?",
        Reason::NotAuthorised => "the proof is wrong",
        _ => "",
    };
    refusal(refused.reason, refused.retry, text)
}
