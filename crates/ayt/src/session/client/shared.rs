//! What a client's handle and its task share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::frame::{Bits128, Reason, Retry};
use ayt_core::session::link;
use ayt_core::session::proof::Secret;
use ayt_core::session::traffic::{Accepts, Config, Traffic};
use bytes::Bytes;

use super::event::{Event, Queue};
use super::saved::Saved;
use super::task::Last;
use super::values::{Ended, Snapshot, Status, Undelivered};
use crate::session::driver::{Clock, Core};
use crate::sync::{Mutex, MutexGuard, Notify, PoisonError};

mod asking;
mod gone;

pub(super) use gone::Gone;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) events: Queue,
    /// The bounds of this side, and what the server is taken to accept before it
    /// has said so.
    config: Config,
    resend: bool,
    state: Mutex<State>,
    /// The will, the current session, or the end has changed; or a question was
    /// answered.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Ended sessions with messages that were not taken, oldest first.
    older: VecDeque<Arc<Core>>,
    current: Arc<Core>,
    /// What the server calls the current session; `None` before the first WELCOME.
    named: Option<Named>,
    undelivered: VecDeque<Undelivered>,
    will: Will,
    ended: Option<Ended>,
    snapshot: Snapshot,
    /// Counts the answers and the silences after a question.
    answered: u64,
    unanswered: u64,
    connections: Connections,
}

/// Counts what became of the session's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Connections {
    pub(super) registered: u64,
    /// Whose end was decided by anybody but this side, to move the session.
    pub(super) lost: u64,
}

/// A session that the server knows.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) session: Bits128,
    pub(super) secret: Secret,
    pub(super) epoch: u64,
    pub(super) accepts: Accepts,
}

/// What the program wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Will {
    Run,
    Close { until: Duration },
    Abort,
}

/// What comes after a session whose messages were all taken.
pub(super) enum After {
    Another,
    Nothing,
}

impl Shared {
    pub(super) fn new(config: Config, resend: bool, saved: Option<Saved>) -> Arc<Self> {
        let clock = Clock::start();
        let named = saved.as_ref().map(Saved::named);
        let traffic = match saved {
            Some(saved) => saved.traffic(config),
            None => Traffic::new(config),
        };
        let current = Core::new(clock, traffic);
        let snapshot = Snapshot {
            status: Status::Connecting,
            attempts: 0,
            epoch: None,
            numbers: current.numbers(),
            round_trip: None,
        };
        Arc::new(Self {
            clock,
            events: Queue::default(),
            config,
            resend,
            state: Mutex::new(State {
                older: VecDeque::new(),
                current,
                named,
                undelivered: VecDeque::new(),
                will: Will::Run,
                ended: None,
                snapshot,
                answered: 0,
                unanswered: 0,
                connections: Connections::default(),
            }),
            changed: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells who waits for a change.
    fn change<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let result = act(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    /// Waits until `met` gives something.
    pub(super) async fn when<R>(&self, mut met: impl FnMut(&Self) -> Option<R>) -> R {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(result) = met(self) {
                return result;
            }
            changed.await;
        }
    }

    /// The session that messages are sent on.
    pub(super) fn current(&self) -> Arc<Core> {
        Arc::clone(&self.lock().current)
    }

    /// The session whose messages are taken next.
    pub(super) fn reading(&self) -> Arc<Core> {
        let state = self.lock();
        Arc::clone(state.older.front().unwrap_or(&state.current))
    }

    /// Everything of this session was taken.
    pub(super) fn after(&self, core: &Arc<Core>) -> After {
        let mut state = self.lock();
        state.older.retain(|older| !Arc::ptr_eq(older, core));
        if state.older.is_empty() && Arc::ptr_eq(&state.current, core) {
            After::Nothing
        } else {
            After::Another
        }
    }

    /// Messages are sent on another session than this by now, or the client closes
    /// or has ended.
    pub(super) fn has_left(&self, core: &Arc<Core>) -> Option<()> {
        let state = self.lock();
        let left =
            !Arc::ptr_eq(&state.current, core) || state.ended.is_some() || state.will != Will::Run;
        left.then_some(())
    }

    pub(super) fn named(&self) -> Option<Named> {
        self.lock().named.clone()
    }

    /// The server knows the current session by this name and secret from now on.
    pub(super) fn name(&self, named: Named) {
        self.change(|state| {
            state.snapshot.epoch = Some(named.epoch);
            state.named = Some(named);
        });
    }

    pub(super) fn saved(&self) -> Option<Saved> {
        let (named, core) = {
            let state = self.lock();
            (state.named.clone()?, Arc::clone(&state.current))
        };
        Some(Saved::of(&named, &core))
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let (snapshot, core) = {
            let state = self.lock();
            (state.snapshot, Arc::clone(&state.current))
        };
        Snapshot {
            numbers: core.numbers(),
            ..snapshot
        }
    }

    pub(super) fn set_status(&self, status: Status) {
        self.change(|state| state.snapshot.status = status);
    }

    pub(super) fn set_attempts(&self, attempts: u32) {
        self.lock().snapshot.attempts = attempts;
    }

    /// The connection tells something.
    pub(super) fn on_link(&self, event: link::Event) {
        match event {
            link::Event::Suspect => {
                self.set_status(Status::Suspect);
                self.events.push(Event::Suspect);
            }
            link::Event::Recovered => {
                self.set_status(Status::Registered);
                self.events.push(Event::Recovered);
            }
            link::Event::RoundTrip(time) => {
                self.lock().snapshot.round_trip = Some(time);
                self.events.push(Event::RoundTrip(time));
            }
            link::Event::Answered => self.change(|state| state.answered += 1),
            link::Event::Unanswered => self.change(|state| state.unanswered += 1),
            link::Event::Ending(_) => self.change(|state| {
                state.snapshot.status = Status::Leaving;
                state.connections.lost += 1;
            }),
            // A new innocence.
            link::Event::Late(_) => self.change(|state| {
                if state.snapshot.status == Status::Suspect {
                    state.snapshot.status = Status::Registered;
                }
            }),
            link::Event::HalfClose | link::Event::Closed(_) => {}
        }
    }

    /// A connection is registered: messages flow.
    pub(super) fn set_registered(&self) {
        self.change(|state| {
            state.snapshot.status = Status::Registered;
            state.connections.registered += 1;
        });
    }

    pub(super) fn connections(&self) -> Connections {
        self.lock().connections
    }

    pub(super) fn take_undelivered(&self) -> Vec<Undelivered> {
        self.lock().undelivered.drain(..).collect()
    }

    /// The program wants to close within this time.
    pub(super) fn close(&self, within: Duration) {
        self.change(|state| {
            if state.will == Will::Run {
                state.will = Will::Close {
                    until: self.clock.now().saturating_add(within),
                };
                state.current.end(Reason::Done, Retry::Never);
            }
        });
    }

    pub(super) fn abort(&self) {
        self.change(|state| state.will = Will::Abort);
    }

    pub(super) async fn aborted(&self) {
        self.when(|shared| (shared.lock().will == Will::Abort).then_some(()))
            .await;
    }

    /// Waits until a client without a connection need not have another: it is to be
    /// closed, and nothing is left to be acknowledged, or its time is over.
    pub(super) async fn may_close(&self) {
        let until = self
            .when(|shared| {
                let state = shared.lock();
                let Will::Close { until } = state.will else {
                    return None;
                };
                let open = state.current.numbers().unacknowledged();
                Some(if open == 0 { Duration::ZERO } else { until })
            })
            .await;
        tokio::time::sleep_until(self.clock.at(until)).await;
    }

    /// Waits until the time for closing is over.
    pub(super) async fn close_overdue(&self) {
        let until = self
            .when(|shared| match shared.lock().will {
                Will::Close { until } => Some(until),
                Will::Run | Will::Abort => None,
            })
            .await;
        tokio::time::sleep_until(self.clock.at(until)).await;
    }

    /// The task ends, and the session where `over` says so.
    pub(super) fn finish(&self, last: Last) {
        let Last {
            stopped,
            text,
            cause,
            session: over,
            missing,
        } = last;
        let ended = self.change(|state| {
            if over {
                state.named = None;
            }
            let core = &state.current;
            core.finish(cause, None, missing);
            // Held back where it was in doubt whether the session can go on: nobody will
            // find that out now.
            core.release();
            let ended = Ended {
                stopped,
                text,
                missing,
                numbers: core.numbers(),
            };
            let (first, messages) = core.unacknowledged();
            if !messages.is_empty() {
                let undelivered = Undelivered {
                    first,
                    sent: ended.numbers.sent,
                    handed_over: None,
                    messages,
                };
                self.keep(state, undelivered);
            }
            state.snapshot.status = Status::Stopped;
            state.ended = Some(ended.clone());
            ended
        });
        self.events.push(Event::Stopped(ended));
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.lock().ended.clone()
    }

    /// Takes a message on the current session, as [`Core::offer`].
    pub(super) fn offer(&self, message: Bytes) -> Result<Option<Bytes>, super::SendError> {
        // Under the lock: the session cannot be replaced meanwhile.
        self.lock().current.offer(message)
    }
}
