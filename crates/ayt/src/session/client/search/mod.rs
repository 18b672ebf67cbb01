//! The search for the longest silence that the way to the server lets live.
//!
//! A NAT on the way forgets an idle connection after a time that nobody tells. Heartbeats
//! keep it awake; each of them costs power and traffic. With
//! [`Builder::search`](super::Builder::search) the client finds out how long it may be
//! silent: on a spare connection, while the session's own stands and carries its
//! messages, and goes on with what was found. How it searches, and why so, is said in
//! [`Adaptive`].
//!
//! ```no_run
//! # fn f(key: ayt::session::Key, stored: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use ayt::session::Client;
//! use ayt::session::client::search::{Memory, Search, SearchTerms};
//!
//! // Between half a minute and an hour; and what an earlier run has learnt.
//! let terms = SearchTerms::new(Duration::from_secs(30), Duration::from_secs(3_600))?;
//! let memory: Memory = stored.parse()?;
//! let client = Client::builder("meter-17")
//!     .key(key)
//!     .address("hub.example:7117")
//!     .search(Search::new(terms).memory(memory).network("wifi at home"))
//!     .start()?;
//! // From time to time, and before the end: keep `client.networks()`, as text.
//! # drop(client);
//! # Ok(())
//! # }
//! ```
//!
//! # What it does to the session
//!
//! - Until something is known of the network in use, both sides' heartbeats come at the
//!   search's **floor**: the connection in use must not fall for what is being tried.
//!   It takes the place of [`client_beat`](super::Builder::client_beat) and
//!   [`server_beat`](super::Builder::server_beat) (one of which may still be zero), since
//!   a heartbeat of either side wakes the NAT.
//! - When a search ends with another interval than was agreed, the client **moves the
//!   session to a new connection** to agree on it: a resume, at which nothing is lost,
//!   once for each search that ends.
//! - The server finds this client's death later for it: interval times misses, and the
//!   challenge time. The ceiling bounds that.
//! - A program's own [`spare`](super::Client::spare) displaces the search's, which then
//!   takes that trial for void.
//!
//! # What it costs
//!
//! One more connection while it searches: about two hours where the truth is ten
//! minutes, then none for a week.

mod run;

use std::sync::Arc;
use std::time::Duration;

pub use ayt_core::detectors::adaptive::memory::{BadMemory, Memory, Network};
pub use ayt_core::detectors::adaptive::{Adaptive, BadSearch, SearchTerms};
use ayt_core::session::handshake::ClientSettings;

pub(super) use run::run;

use super::event::Event;
use super::shared::Shared;
use crate::session::driver::Clock;
use crate::sync::{Mutex, MutexGuard, Notify, PoisonError};

/// What is searched for, and what is known already; see [the module](self).
#[derive(Debug, Clone)]
pub struct Search {
    terms: SearchTerms,
    memory: Memory,
    network: String,
}

impl Search {
    /// A search within these bounds, with nothing known yet, on a network without a name.
    #[must_use]
    pub fn new(terms: SearchTerms) -> Self {
        Self {
            terms,
            memory: Memory::default(),
            network: String::new(),
        }
    }

    /// Begins with what an earlier run has learnt
    /// ([`Client::networks`](super::Client::networks)). Where the program was off for a
    /// while, add that while to each `settled_s`, so that the result grows old by it.
    #[must_use]
    pub fn memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// The name of the network in use, at most 128 bytes: what is learnt is remembered for
    /// it. Whatever tells networks apart, such as the name of a wireless network or the
    /// operator's number.
    #[must_use]
    pub fn network(mut self, label: impl Into<String>) -> Self {
        self.network = label.into();
        self
    }

    pub(super) fn start(self, clock: Clock) -> Result<Arc<Searching>, BadSearch> {
        let mut adaptive = Adaptive::new(self.terms, &self.memory, clock.now());
        adaptive.network_changed(&self.network)?;
        let interval = adaptive.interval();
        Ok(Arc::new(Searching {
            clock,
            state: Mutex::new(State {
                adaptive,
                settled: interval,
                wished: interval,
                interval,
                promised: None,
                told: None,
                networks: 0,
                renew: false,
            }),
            changed: Notify::new(),
        }))
    }
}

/// A search under way, as the client's task and its handle share it.
#[derive(Debug)]
pub(super) struct Searching {
    clock: Clock,
    state: Mutex<State>,
    /// Another network is in use, or the session is to be moved.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    adaptive: Adaptive,
    /// What the last search has found: what is agreed on with the server.
    settled: Duration,
    /// What was wished for at the last registration.
    wished: Duration,
    /// The interval in use: the floor while a result is being checked.
    interval: Duration,
    /// The longest silence that this side has promised; zero is none.
    promised: Option<Duration>,
    /// The interval that the program was told last, on this network.
    told: Option<Duration>,
    /// How often the network was said to have changed.
    networks: u64,
    /// The session is to be moved to a connection with another beat.
    renew: bool,
}

impl State {
    /// The silence to keep on the session's connection.
    fn beat(&self) -> Duration {
        match self.promised {
            Some(promised) if !promised.is_zero() => self.interval.min(promised),
            _ => self.interval,
        }
    }
}

impl Searching {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The machine in it changes in single calls, each whole also after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory(&self) -> Memory {
        self.lock().adaptive.memory(self.clock.now())
    }

    pub(super) fn interval(&self) -> Duration {
        self.lock().interval
    }

    pub(super) fn network_changed(&self, shared: &Shared, label: &str) -> Result<(), BadSearch> {
        self.with(shared, |adaptive, _| adaptive.network_changed(label))?;
        {
            let mut state = self.lock();
            state.settled = state.interval;
            state.told = None;
            state.networks += 1;
        }
        self.changed.notify_waiters();
        Ok(())
    }

    fn networks(&self) -> u64 {
        self.lock().networks
    }

    /// What a registration wishes now.
    pub(super) fn wish(&self, hello: &ClientSettings) -> ClientSettings {
        let mut state = self.lock();
        state.wished = state.settled;
        state.renew = false;
        let ms = u32::try_from(state.settled.as_millis()).unwrap_or(u32::MAX);
        let wish = |set: u32| if set == 0 { 0 } else { ms };
        ClientSettings {
            client_beat_ms: wish(hello.client_beat_ms),
            server_beat_ms: wish(hello.server_beat_ms),
            ..hello.clone()
        }
    }

    /// The server has agreed to this; the beat to keep.
    pub(super) fn agreed(&self, promised: Duration) -> Duration {
        let mut state = self.lock();
        state.promised = Some(promised);
        state.beat()
    }

    /// Waits until the session is to be moved to a connection with another beat.
    pub(super) async fn renewal(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if std::mem::take(&mut self.lock().renew) {
                return;
            }
            changed.await;
        }
    }

    /// Asks the machine what is to be done, or tells it something, and lets the session
    /// follow.
    fn with<R>(&self, shared: &Shared, act: impl FnOnce(&mut Adaptive, Duration) -> R) -> R {
        let (result, beat) = {
            let mut state = self.lock();
            let result = act(&mut state.adaptive, self.clock.now());
            let interval = state.adaptive.interval();
            let changed = state.interval != interval;
            state.interval = interval;
            (result, changed.then(|| state.beat()))
        };
        if beat.is_some() {
            shared.current().set_own_beat(beat);
        }
        result
    }

    /// A search has ended with this interval. Where it is not what was agreed, the
    /// session moves.
    fn settle(&self, shared: &Shared, interval: Duration) {
        let news = {
            let mut state = self.lock();
            let news = state.told.replace(interval) != Some(interval);
            state.settled = interval;
            state.renew = state.wished != interval;
            news.then(|| state.adaptive.proven())
        };
        if let Some(survived) = news {
            shared.events.push(Event::Interval {
                every: interval,
                survived,
            });
        }
        self.changed.notify_waiters();
    }
}
