//! One session as its program and its connection's task share it.
//!
//! The program's calls ([`Core::send`], [`Core::recv`]) work on the session's
//! messages under a short lock and wake the task of the connection where there is
//! something for it to do; the task ([`Core::run`]) moves bytes and keeps the
//! timers. Between two connections the messages are parked, and the program's calls
//! go on as if nothing had happened.

mod bells;
mod below;
mod carry;
mod clock;
#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
mod outgoing;
mod owner;
mod pump;
mod rest;
#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests;
mod values;

use bells::Bells;
pub(crate) use below::Below;
pub(crate) use clock::{Clock, beat};
pub(crate) use owner::{Alone, Owner};
pub(crate) use pump::Pump;
pub(crate) use values::cause_of;
pub use values::{SendError, SessionEnd};

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::compact::Nanos;
use ayt_core::detectors::Fixed;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Reason, Retry};
use ayt_core::session::link;
use ayt_core::session::traffic::{Accepts, CannotResume, Numbers, Offer, Traffic};
use bytes::Bytes;

use crate::sync::{Mutex, MutexGuard, Notify, OnceLock, PoisonError};

type Link = link::Link<Fixed>;

/// What the task of a connection tells its owner, outside of any lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The first frame after WELCOME has come.
    FirstFrame,
    /// Something happened that leaves the connection standing, or its end is
    /// decided.
    Link(link::Event),
}

/// The right to carry a session over one connection; see [`Core::part`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// What a connection begins with, once it is registered.
#[derive(Debug)]
pub(crate) struct Start {
    /// What was agreed.
    pub(crate) terms: link::Terms,
    /// Judges the peer's promise; `None` where it has made none.
    pub(crate) detector: Option<Fixed>,
    /// What the handshake read with; its limit is already that of a session.
    pub(crate) decoder: Decoder,
    /// Where the stream decrypts: what comes in below.
    pub(crate) below: Below,
}

/// One session.
pub(crate) struct Core {
    clock: Clock,
    state: Mutex<State>,
    /// A message may be taken, or the session is over.
    readable: Notify,
    /// None before anybody waits for one of them: most sessions never do.
    bells: OnceLock<Box<Bells>>,
}

struct State {
    place: Place,
    /// Grows with each connection and each parting: what an older task does has no
    /// effect.
    generation: u64,
    /// The task of the connection, when it waits.
    task: Option<Waker>,
    /// When that task wakes by itself.
    armed: Option<Nanos>,
    over: Option<Box<SessionEnd>>,
}

enum Place {
    Live(Box<Link>),
    Parked(Box<Traffic>),
    /// Between two places, under the lock only.
    Moving,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("numbers", &self.numbers())
            .finish_non_exhaustive()
    }
}

impl State {
    fn traffic(&self) -> Option<&Traffic> {
        match &self.place {
            Place::Live(link) => Some(link.traffic()),
            Place::Parked(traffic) => Some(traffic),
            Place::Moving => None,
        }
    }

    /// The waker of the task, if the program's call has left it something to do
    /// before it would wake by itself.
    fn wake(&mut self, now: Duration) -> Option<Waker> {
        let Place::Live(link) = &self.place else {
            return None;
        };
        let sooner = match (link.next_deadline(), self.armed) {
            (Some(next), Some(armed)) => next < armed.get(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        (sooner || link.wants_to_transmit(now) || link.is_closed())
            .then(|| self.task.take())
            .flatten()
    }
}

impl Core {
    /// A session without a connection yet, to be shared.
    pub(crate) fn new(clock: Clock, traffic: Traffic) -> Arc<Self> {
        Arc::new(Self::of(clock, traffic))
    }

    /// The same, to be a part of something that is shared.
    pub(crate) fn of(clock: Clock, traffic: Traffic) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                place: Place::Parked(Box::new(traffic)),
                generation: 0,
                task: None,
                armed: None,
                over: None,
            }),
            readable: Notify::new(),
            bells: OnceLock::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is ours; what it guards is still consistent, since
        // the machines in it change in one call each.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the link, if there is one, and wakes its task.
    fn with_link(&self, act: impl FnOnce(&mut Link, Duration)) {
        self.with_place(|place, now| {
            if let Place::Live(link) = place {
                act(link, now);
            }
        });
    }

    /// Does something wherever the session is, and wakes the task of its connection.
    fn with_place(&self, act: impl FnOnce(&mut Place, Duration)) {
        let mut state = self.lock();
        let now = self.clock.now();
        act(&mut state.place, now);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Where both directions stand.
    pub(crate) fn numbers(&self) -> Numbers {
        let state = self.lock();
        match (&state.over, state.traffic()) {
            (Some(end), None) => end.numbers,
            (_, Some(traffic)) => traffic.numbers(),
            (None, None) => Numbers::default(),
        }
    }

    /// Sends a message: it is taken once there is room for it in the replay buffer.
    ///
    /// Cancel safe: where the future is dropped before it is ready, the message was
    /// not taken.
    pub(crate) async fn send(&self, message: Bytes) -> Result<(), SendError> {
        // Mostly there is room, and nothing to wait for.
        let Some(mut message) = self.offer(message)? else {
            return Ok(());
        };
        loop {
            let room = self.bells().room.notified();
            tokio::pin!(room);
            // Told from here on, also of what happens before it is awaited.
            room.as_mut().enable();
            match self.offer(message)? {
                None => return Ok(()),
                Some(back) => message = back,
            }
            room.await;
        }
    }

    /// Sends a message now, or gives it back where there is no room.
    pub(crate) fn offer(&self, message: Bytes) -> Result<Option<Bytes>, SendError> {
        let mut state = self.lock();
        if let Some(end) = &state.over {
            return Err(SendError::Over(SessionEnd::clone(end)));
        }
        let offered = match &mut state.place {
            Place::Live(link) => link.offer(message)?,
            Place::Parked(traffic) => traffic.offer(message)?,
            Place::Moving => return Ok(Some(message)),
        };
        match offered {
            Offer::Full(message) => Ok(Some(message)),
            Offer::Accepted { .. } => {
                let task = state.wake(self.clock.now());
                drop(state);
                if let Some(task) = task {
                    task.wake();
                }
                Ok(None)
            }
        }
    }

    /// The next message; `None` once the session is over and everything that came
    /// in was handed over. Asking for it says that the one before is done with.
    ///
    /// Cancel safe: where the future is dropped before it is ready, nothing was
    /// handed over, and nothing is acknowledged that was not.
    pub(crate) async fn recv(&self) -> Option<Bytes> {
        loop {
            let readable = self.readable.notified();
            tokio::pin!(readable);
            readable.as_mut().enable();
            if let Some(settled) = self.try_recv() {
                return settled;
            }
            readable.await;
        }
    }

    /// As [`Self::recv`], at once: `None` where there is nothing yet.
    pub(crate) fn try_recv(&self) -> Option<Option<Bytes>> {
        let mut state = self.lock();
        let now = self.clock.now();
        let message = match &mut state.place {
            Place::Live(link) => link.take(now),
            Place::Parked(traffic) => traffic.take(now),
            Place::Moving => None,
        };
        let task = state.wake(now);
        let over = state.over.is_some();
        let more = message.is_some() && state.traffic().is_some_and(Traffic::readable);
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        if more {
            // Another may be waiting.
            self.readable.notify_one();
        }
        match message {
            Some(message) => Some(Some(message)),
            None => over.then_some(None),
        }
    }

    /// The message taken last is done with.
    pub(crate) fn done(&self) {
        let mut state = self.lock();
        let now = self.clock.now();
        match &mut state.place {
            Place::Live(link) => link.done(now),
            Place::Parked(traffic) => traffic.done(now),
            Place::Moving => {}
        }
        let task = state.wake(now);
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Ends the connection once everything is acknowledged (bounded); with
    /// [`Reason::Done`] the session as well.
    pub(crate) fn end(&self, reason: Reason, retry: Retry) {
        // In one step: between two it could get a connection, which would not be told.
        self.with_place(|place, now| match place {
            Place::Live(link) => link.end(now, reason, retry),
            Place::Parked(traffic) if reason == Reason::Done => traffic.set_ending(),
            Place::Parked(_) | Place::Moving => {}
        });
    }

    /// BYE now, then FIN and the drain.
    pub(crate) fn bye(&self, reason: Reason, retry: Retry, text: &str) {
        self.with_link(|link, now| link.bye(now, reason, retry, text));
    }

    /// Asks the peer whether it is there: a notice tells the answer.
    pub(crate) fn ask(&self) {
        self.with_link(|link, now| link.ask(now));
    }

    /// This side is silent for no longer than this from now on.
    pub(crate) fn set_own_beat(&self, beat: Option<Duration>) {
        self.with_link(|link, now| link.set_own_beat(now, beat));
    }

    /// Holds back what came in until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.with_traffic(Traffic::hold);
    }

    /// Hands over what was held back.
    pub(crate) fn release(&self) {
        self.with_traffic(Traffic::release);
        self.readable.notify_waiters();
    }

    fn with_traffic<R>(&self, act: impl FnOnce(&mut Traffic) -> R) -> Option<R> {
        let mut state = self.lock();
        match &mut state.place {
            Place::Live(link) => Some(act(link.traffic_mut())),
            Place::Parked(traffic) => Some(act(traffic)),
            Place::Moving => None,
        }
    }

    /// The other side was told what was handed over, and the rest was dropped.
    #[cfg(all(test, ayt_explore))]
    pub(crate) fn is_settled(&self) -> bool {
        self.with_traffic(|traffic| traffic.is_settled())
            .unwrap_or(false)
    }

    /// Parts from its connection at once and without BYE, if it has one: the
    /// session moves to another, which needs the ticket. The old task closes its
    /// socket when it wakes. Tickets given before have no effect any more.
    pub(crate) fn part(&self) -> Ticket {
        let mut state = self.lock();
        let ticket = self.part_locked(&mut state);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        ticket
    }

    fn part_locked(&self, state: &mut State) -> Ticket {
        let now = self.clock.now();
        state.generation += 1;
        state.place = match std::mem::replace(&mut state.place, Place::Moving) {
            Place::Live(mut link) => {
                link.cut(now);
                Place::Parked(link.into_traffic())
            }
            parked => parked,
        };
        Ticket(state.generation)
    }

    /// As [`Self::part`], where the connection is still this one.
    fn part_from(&self, ticket: Ticket) {
        let mut state = self.lock();
        if state.generation == ticket.0 {
            self.part_locked(&mut state);
        }
    }

    /// The number to put into PROOF or WELCOME; the session must be parked.
    pub(crate) fn announce(&self) -> u64 {
        self.with_traffic(Traffic::announce).unwrap_or_default()
    }

    /// Forgets what the peer has `received`, and will send the rest again.
    pub(crate) fn resume(&self, received: u64, accepts: Accepts) -> Result<(), CannotResume> {
        let resumed = self.with_traffic(|traffic| traffic.resume(received, accepts));
        self.tell_room();
        resumed.unwrap_or(Ok(()))
    }

    /// The session is over: programs that wait are told. Only the first counts.
    pub(crate) fn finish(&self, cause: Cause, reason: Option<Reason>, missing: u64) {
        let mut state = self.lock();
        let numbers = state.traffic().map(Traffic::numbers).unwrap_or_default();
        state.over.get_or_insert_with(|| {
            Box::new(SessionEnd {
                cause,
                reason,
                missing,
                numbers,
            })
        });
        drop(state);
        self.readable.notify_waiters();
        self.tell_room();
    }

    /// How the session ended, if it has.
    pub(crate) fn over(&self) -> Option<SessionEnd> {
        self.lock().over.as_deref().cloned()
    }

    /// It has a connection whose end is not decided.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(&self.lock().place, Place::Live(link) if link.is_live())
    }

    /// The messages that were never acknowledged, with the number of the first:
    /// once the session is over.
    pub(crate) fn unacknowledged(&self) -> (u64, Vec<Bytes>) {
        let copy = self.with_traffic(|traffic| traffic.clone());
        copy.map_or((0, Vec::new()), |traffic| {
            let (first, messages) = traffic.into_unacknowledged();
            (first, messages.collect())
        })
    }
}
