//! What the tasks of one server share.

use std::fmt;
use std::future::Future;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::frame::{Bits128, Retry};
use ayt_core::session::handshake::TermsPolicy;
use ayt_core::session::registry::{Conn, Over, Policy};
use bytes::Bytes;
use tokio::sync::{Mutex as Gate, MutexGuard as GateGuard, mpsc, watch};

use super::Session;
use super::alarms::Alarms;
use super::auth::Authentication;
use super::book::Book;
use super::config::{Limits, ms};
use super::door::Door;
use super::stats::Counters;
use crate::session::driver::Clock;
use crate::session::sockets::Sockets;
use crate::session::store::{Node, SessionStore};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::task::{JoinSet, spawn};
use crate::sync::{Mutex, MutexGuard, Notify, PoisonError, RandomState};

/// Registrations of one identity are decided one after the other; those of different
/// identities mostly side by side.
const GATES: usize = 64;

/// See [the module](self).
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) terms: TermsPolicy,
    pub(super) policy: Policy,
    pub(super) sockets: Sockets,
    pub(super) authentication: Authentication,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<tokio_rustls::TlsAcceptor>,
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) node: Node,
    pub(super) counters: Counters,
    pub(super) door: Arc<Door>,
    book: Mutex<Book>,
    gates: Vec<Gate<()>>,
    hash: RandomState,
    /// The largest epoch given here.
    epochs: AtomicU64,
    names: AtomicU64,
    /// All but those that carry a session; gone once the server has stopped.
    pub(super) tasks: Mutex<Option<JoinSet<()>>>,
    /// Connections that carry a session, or did and are not closed yet.
    pub(super) carried: AtomicUsize,
    pub(super) alarms: Alarms,
    /// Where new sessions go; gone once the server is closing.
    pub(super) queue: Mutex<Option<mpsc::Sender<Session>>>,
    /// The retry hint, once the server is closing.
    pub(super) closing: watch::Sender<Option<Duration>>,
    /// The registry has something due sooner than its task knows.
    pub(super) sooner: Notify,
    /// Records may have to follow.
    pub(super) mirror: Notify,
    /// A connection has closed.
    pub(super) closed: Notify,
    /// When the keeper wakes by itself.
    pub(super) armed: Mutex<Option<Duration>>,
}

/// What a server is made of.
pub(super) struct Parts {
    pub(super) limits: Limits,
    pub(super) terms: TermsPolicy,
    pub(super) policy: Policy,
    pub(super) sockets: Sockets,
    pub(super) authentication: Authentication,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<tokio_rustls::TlsAcceptor>,
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) node: Node,
    /// Epochs begin after this.
    pub(super) last_epoch: u64,
    pub(super) queue: mpsc::Sender<Session>,
    pub(super) book: Book,
}

impl Shared {
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        let limits = parts.limits;
        Arc::new(Self {
            clock: Clock::start(),
            limits,
            terms: parts.terms,
            policy: parts.policy,
            sockets: parts.sockets,
            authentication: parts.authentication,
            #[cfg(feature = "tls")]
            tls: parts.tls,
            store: parts.store,
            node: parts.node,
            counters: Counters::default(),
            door: Door::new(limits.unregistered, limits.unregistered_per_address),
            book: Mutex::new(parts.book),
            gates: (0..GATES).map(|_| Gate::new(())).collect(),
            hash: RandomState::default(),
            epochs: AtomicU64::new(parts.last_epoch),
            names: AtomicU64::new(0),
            tasks: Mutex::new(Some(JoinSet::new())),
            carried: AtomicUsize::new(0),
            alarms: Alarms::new(),
            queue: Mutex::new(Some(parts.queue)),
            closing: watch::Sender::new(None),
            sooner: Notify::new(),
            mirror: Notify::new(),
            closed: Notify::new(),
            armed: Mutex::new(None),
        })
    }

    /// Does something with the book, and then what the registry has decided.
    pub(super) fn book<R>(&self, act: impl FnOnce(&mut Book, Duration) -> R) -> R {
        let mut book = lock(&self.book);
        // Read under the lock: the registry's time never goes backwards.
        let now = self.clock.now();
        let result = act(&mut book, now);
        book.follow(&self.counters);
        #[cfg(test)]
        #[cfg(ayt_explore)]
        super::explore::holds(&book);
        let next = book.registry.next_deadline();
        let changed = !book.changed.is_empty();
        drop(book);
        let armed = *lock(&self.armed);
        if next.is_some_and(|next| armed.is_none_or(|armed| next < armed)) {
            self.sooner.notify_one();
        }
        if changed {
            self.mirror.notify_one();
        }
        result
    }

    /// While it is held, nobody else decides about the identity here.
    pub(super) async fn gate(&self, identity: &Bytes) -> GateGuard<'_, ()> {
        self.gate_of(identity).lock().await
    }

    /// Nobody decides about the identity here at this moment.
    pub(super) fn is_free(&self, identity: &Bytes) -> bool {
        self.gate_of(identity).try_lock().is_ok()
    }

    fn gate_of(&self, identity: &Bytes) -> &Gate<()> {
        &self.gates[self.hash.hash_one(identity) as usize % GATES]
    }

    /// An epoch larger than `least` and than any given here before.
    pub(super) fn next_epoch(&self, least: u64) -> u64 {
        self.epochs.fetch_max(least, Ordering::Relaxed);
        self.epochs.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn next_conn(&self) -> Conn {
        Conn(self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs a task for as long as the server is there; drops it where it is gone.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    /// Runs the task of a connection that carries a session; drops it where the server
    /// has stopped. It is in no set: it ends when its session is parted from it, and is
    /// counted by what it carries. An entry in a set for each would cost more memory than
    /// all the rest that this server knows of it.
    pub(super) fn carry(&self, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = lock(&self.tasks);
        if tasks.is_some() {
            // Under the lock: whoever stops the server finds its connection in the book.
            drop(spawn(task));
        }
    }

    pub(super) fn tasks(&self) -> usize {
        let mut tasks = lock(&self.tasks);
        let others = tasks.as_mut().map_or(0, |tasks| {
            while tasks.try_join_next().is_some() {}
            tasks.len()
        });
        others + self.carried.load(Ordering::Relaxed)
    }

    /// Waits until the server is closing.
    pub(super) async fn closes(&self) {
        let mut closing = self.closing.subscribe();
        // The sender is in here: it cannot be gone.
        let _ = closing.wait_for(Option::is_some).await;
    }

    /// The hint to give to those who are turned away, where the server is closing.
    pub(super) fn closing(&self) -> Option<Retry> {
        let hint = *self.closing.borrow();
        hint.map(|hint| self.spread(hint))
    }

    /// A hint and beyond it a random time, so that not all come back at once.
    pub(super) fn spread(&self, hint: Duration) -> Retry {
        let window = self.limits.retry_spread.as_millis() as u64;
        let random = random().map_or(0, |bits| u128::from_be_bytes(bits) as u64 >> 16);
        // Below `u32::MAX`, which says something else.
        let most = u64::from(u32::MAX) - 1;
        let hint = u64::from(ms(hint)) + random % (window + 1);
        Retry::After(hint.min(most) as u32)
    }

    /// Ends every task and every session now.
    pub(super) fn stop(&self) {
        self.closing.send_if_modified(|closing| {
            let first = closing.is_none();
            *closing = Some(closing.unwrap_or_default());
            first
        });
        lock(&self.queue).take();
        // Dropping the set aborts them; each closes its socket as it goes.
        lock(&self.tasks).take();
        self.book(|book, now| {
            // So do those that carry a session, once they are parted from it.
            for kept in book.conns.values() {
                kept.core.part();
            }
            let sessions: Vec<_> = book
                .registry
                .sessions()
                .map(|(identity, epoch, _)| (identity.clone(), epoch))
                .collect();
            for (identity, epoch) in sessions {
                let ends = ayt_core::session::link::Fate::Ends;
                if !book.registry.discard(now, &identity, epoch, Over::Ended) {
                    book.registry.lost(now, &identity, epoch, ends, true);
                }
            }
        });
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("node", &self.node)
            .field("policy", &self.policy)
            .field("authentication", &self.authentication)
            .finish_non_exhaustive()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded changes in single calls, each whole also after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 128 bits from the operating system's random source.
pub(super) fn random() -> Result<Bits128, getrandom::Error> {
    let mut bits = Bits128::default();
    getrandom::fill(&mut bits)?;
    Ok(bits)
}
