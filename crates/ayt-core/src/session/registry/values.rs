//! What the registry is told, and what it answers.

use std::time::Duration;

use bytes::Bytes;

use super::FlapLimit;
use crate::session::frame::{Bits128, Reason, Retry};
use crate::session::traffic::{Accepts, CannotResume, Numbers};

/// A connection, as its driver names it. A name is not used twice while anything
/// still speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conn(pub u64);

/// What proves a resume. It is compared only through the mac made with it, and
/// does not print itself.
#[derive(Clone, Copy)]
pub struct Secret(pub Bits128);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which of the two secrets of a session was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proven {
    /// The one in the last WELCOME.
    Current,
    /// The one before, since that WELCOME did not arrive.
    Previous,
}

/// Who stays when an identity registers a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The newer takes over.
    Newest,
    /// The older stays.
    Oldest,
    /// The older is asked, and stays if it answers.
    Verify,
}

/// The registry's rules and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Who stays, default the newest.
    pub policy: Policy,
    /// How long a session without a connection is kept: 0 to 24 h, default 5 min.
    pub resume_for: Duration,
    /// How long an older connection may be drained, and so the first message of
    /// the newer session be held back: 0 to 60 s, default 5 s.
    pub drain: Duration,
    /// How long the older connection has to answer, with [`Policy::Verify`]:
    /// 100 ms to 60 s, default 5 s.
    pub challenge: Duration,
    /// The hint to a client whose identity is in use, ms, default 10,000.
    pub in_use_retry_ms: u32,
    /// When takeovers are too many.
    pub flap: FlapLimit,
    /// How many sessions without a connection are kept, default 100,000.
    pub most_parked: usize,
    /// Bytes of cost that those may keep together, default 256 MiB.
    pub most_parked_cost: u64,
    /// Of how many identities the end of the last session is remembered, default
    /// 100,000 (each costs about 200 bytes and its identity).
    pub most_remembered: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: Policy::Newest,
            resume_for: Duration::from_secs(300),
            drain: Duration::from_secs(5),
            challenge: Duration::from_secs(5),
            in_use_retry_ms: 10_000,
            flap: FlapLimit::default(),
            most_parked: 100_000,
            most_parked_cost: 256 << 20,
            most_remembered: 100_000,
        }
    }
}

/// A session as the registry sees it: a cheap handle to what the driver keeps
/// (such as an `Arc` around the session's traffic).
pub trait Held: Clone {
    /// Bytes of cost that it keeps: what it sent and came in, all told.
    fn cost(&self) -> u64;

    /// Where it stands.
    fn numbers(&self) -> Numbers;

    /// Everything that came in was handed over.
    fn all_handed_over(&self) -> bool;

    /// It cannot go on, and its client is told up to where it was handed over: what
    /// came in beyond that, or still comes, is never handed over, since the client
    /// may send it again. Gives where it stands for good.
    fn settle(&self) -> Numbers;

    /// Whether a client can go on that stands at `received` and takes `accepts`.
    ///
    /// # Errors
    /// Why it cannot.
    fn may_resume(&self, received: u64, accepts: Accepts) -> Result<(), CannotResume>;
}

/// The right to register, good for one [`commit`](super::Registry::commit) or
/// [`commit_resume`](super::Registry::commit_resume) as long as nothing else
/// happens to the identity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nothing has changed until it is committed"]
pub struct Claim {
    pub(super) identity: Bytes,
    pub(super) conn: Conn,
    pub(super) expected: u64,
    /// The session to go on, and the secret that was proved.
    pub(super) resume: Option<(Bits128, Proven)>,
    /// The epoch that a shared store has given already.
    pub(super) epoch: Option<u64>,
}

impl Claim {
    /// The same with an epoch that a store shared with other hosts has given
    /// already. One that is not larger than the identity's own makes the claim
    /// [`Stale`].
    pub const fn at(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// It is for a resume: [`commit_resume`](super::Registry::commit_resume).
    #[must_use]
    pub const fn resumes(&self) -> bool {
        self.resume.is_some()
    }
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// What REFUSE says.
    pub reason: Reason,
    /// When to come back.
    pub retry: Retry,
}

/// What becomes of a connection that wants to register.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It may: commit.
    Take(Claim),
    /// It waits. Ask the older connection ([`Link::ask`]), and tell the registry
    /// what came of it ([`verified`]).
    ///
    /// [`Link::ask`]: crate::session::link::Link::ask
    /// [`verified`]: super::Registry::verified
    Verify {
        /// Whom to ask; `None` where it has been asked already.
        ask: Option<Conn>,
        /// The older one's epoch.
        epoch: u64,
        /// One that waited before, and is to be refused now: only the newest
        /// waits.
        refused: Option<(Conn, Refusal)>,
    },
    /// It may not.
    Refuse(Refusal),
}

/// What the client wants to resume, and how it proves that it may.
pub struct Wish<'a> {
    /// The session's name.
    pub session: Bits128,
    /// Up to where the client has been handed over messages.
    pub received: u64,
    /// What it takes.
    pub accepts: Accepts,
    /// Whether the resume mac was made with this secret, compared in constant
    /// time.
    pub proves: &'a dyn Fn(&Bits128) -> bool,
}

impl std::fmt::Debug for Wish<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wish")
            .field("received", &self.received)
            .field("accepts", &self.accepts)
            .finish_non_exhaustive()
    }
}

/// What becomes of a wish to resume.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// It goes on: commit the resume.
    Go(Claim),
    /// It cannot go on. A new session instead, if the decision allows one; with
    /// [`NewSession::instead_of`].
    Fresh(Decision),
    /// The proof is wrong. Nothing was touched.
    Refuse(Refusal),
}

/// A session to begin.
#[derive(Debug, Clone)]
pub struct NewSession<T> {
    /// Its name, random.
    pub name: Bits128,
    /// Its secret, random.
    pub secret: Secret,
    /// The driver's handle.
    pub handle: T,
    /// The session that its client wanted to resume, with a right proof, and could
    /// not.
    pub instead_of: Option<InsteadOf>,
}

/// A session that its client could not resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsteadOf {
    /// Its name.
    pub session: Bits128,
    /// Up to where the client was handed over its messages, as PROOF said.
    pub received: u64,
}

/// An older connection whose drain is over before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Displaced<T> {
    /// To be closed at once; `None` where it is closed already.
    pub conn: Option<Conn>,
    /// Its epoch.
    pub epoch: u64,
    /// Its session, in which messages may wait that came in and were not taken.
    pub handle: T,
}

/// A registration is done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Taken<T> {
    /// The epoch, for WELCOME.
    pub epoch: u64,
    /// Say BYE `superseded` to this one, and drain it.
    pub superseded: Option<Conn>,
    /// Close this one at once: only one is drained at a time.
    pub displaced: Option<Displaced<T>>,
    /// Hold the new session's messages back until [`Event::Released`].
    pub held: bool,
    /// Up to where the session that could not be resumed was handed over here, where
    /// that is known: WELCOME tells it. Nothing of it is handed over from here on.
    pub known: Option<u64>,
}

/// A resume is done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Resumed<T> {
    /// The epoch, for WELCOME.
    pub epoch: u64,
    /// The session's handle.
    pub handle: T,
    /// Close this one at once and without BYE: the session has moved.
    pub cut: Option<Conn>,
    /// Hold the session's messages back until [`Event::Released`].
    pub held: bool,
}

/// A claim came too late: something else happened to the identity meanwhile.
/// Nothing was changed. Register again, or refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity has epoch {current} by now: another registration was faster")]
pub struct Stale {
    /// The epoch that is current.
    pub current: u64,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Over {
    /// A newer registration took its place.
    Superseded,
    /// One side ended it.
    Ended,
    /// It was not resumed in time.
    Expired,
    /// Too many sessions wait to be resumed, and it was the oldest.
    TooMany,
    /// The sessions that wait keep too many bytes, and it was the oldest.
    TooMuch,
}

/// What the driver is told, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<T> {
    /// A session is over. What it had not seen acknowledged is lost, or may be:
    /// the program is told the numbers.
    Over {
        /// Whose.
        identity: Bytes,
        /// Its last epoch.
        epoch: u64,
        /// Why.
        why: Over,
        /// Where it stood.
        numbers: Numbers,
        /// The session itself: what came in can still be taken, and what was not
        /// acknowledged be had back.
        handle: T,
    },
    /// A client came back to a session that is over, was registered with a new one,
    /// and said where it stood: of this side's messages those up to `peer_received`
    /// did arrive. What it had sent is settled as well: see [`Taken::known`].
    Settled {
        /// Whose.
        identity: Bytes,
        /// Up to where the client was handed over messages.
        peer_received: u64,
        /// Where this side stood.
        numbers: Numbers,
    },
    /// Close this connection at once.
    Cut(Conn),
    /// The older session has been read to its end, or its time is over: the
    /// session of this epoch may hand over its messages.
    Released {
        /// Whose.
        identity: Bytes,
        /// Of which epoch.
        epoch: u64,
    },
    /// A connection that waited is decided.
    Decided {
        /// Which.
        conn: Conn,
        /// How.
        decision: Decision,
    },
    /// An identity is taken over again and again: two devices use it, or one
    /// restarts in a loop. Told once for each bout.
    Flapping(Bytes),
}
