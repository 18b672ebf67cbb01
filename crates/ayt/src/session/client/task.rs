//! The task of a client: connects, registers, carries the session, and comes back.

use std::sync::Arc;
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::detectors::{self, Fixed};
use ayt_core::session::frame::{Reason, Retry, Welcome};
use ayt_core::session::handshake::{Purpose, Resumption};
use ayt_core::session::link::{self, End, Fate};
use ayt_core::session::proof::Secret;
use ayt_core::session::reconnect::{Lost, Next, Reconnect, Stop};
use ayt_core::session::traffic::{Accepts, CannotResume};
use tokio::time::timeout;

use super::event::Event;
use super::loss::Loss;
use super::register::{Connected, Registered, begin, give_up, register};
use super::search;
use super::settings::Settings;
use super::shared::{Gone, Named, Shared};
use super::values::{Status, Stopped, longest_wait};
use crate::session::driver::{Clock, Core, Notice, Start};

/// Everything that a client does by itself happens in here, and nothing after its
/// end.
pub(super) struct Task {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    reconnect: Reconnect,
    /// Attempts since the last registration.
    attempt: u32,
}

/// Why it ends.
pub(super) struct Last {
    pub(super) stopped: Stopped,
    pub(super) text: String,
    pub(super) cause: Cause,
    /// The session is over, too.
    pub(super) session: bool,
    /// How many of the server's messages never came, as its BYE tells.
    pub(super) missing: u64,
}

impl Last {
    const fn by_program(stopped: Stopped) -> Self {
        Self {
            stopped,
            text: String::new(),
            cause: Cause::LocalClose,
            session: false,
            missing: 0,
        }
    }
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>, settings: Arc<Settings>) -> Self {
        Self {
            reconnect: Reconnect::new(settings.pace),
            shared,
            settings,
            attempt: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let settings = Arc::clone(&self.settings);
        let searching = async {
            match &settings.search {
                Some(searching) => search::run(&shared, &settings, searching).await,
                None => std::future::pending().await,
            }
        };
        // What is given up half done is the connection, which closes, and nothing
        // else: the session's messages are in `shared`.
        let last = tokio::select! {
            biased;
            () = shared.aborted() => Last::by_program(Stopped::Aborted),
            last = self.live() => last,
            never = searching => match never {},
        };
        shared.finish(last);
    }

    async fn live(&mut self) -> Last {
        let shared = Arc::clone(&self.shared);
        loop {
            self.attempt = self.attempt.saturating_add(1);
            shared.set_attempts(self.attempt);
            let registered = tokio::select! {
                biased;
                () = shared.may_close() => return Last::by_program(Stopped::Closed),
                registered = self.attempt() => registered,
            };
            let loss = match registered {
                Ok(registered) => match self.carry(registered).await {
                    Some(end) => Loss::Ended(end),
                    // To agree on another beat: at once.
                    None => continue,
                },
                Err(loss) => {
                    shared.events.push(Event::Lost(loss.clone()));
                    loss
                }
            };
            let wait = match self.next(&loss) {
                Ok(wait) => wait,
                Err(last) => return last,
            };
            self.forget(&loss);
            tokio::select! {
                biased;
                () = shared.may_close() => return Last::by_program(Stopped::Closed),
                () = self.wait(wait) => {}
            }
        }
    }

    async fn wait(&self, wait: Duration) {
        self.shared.set_status(Status::Waiting);
        self.shared.events.push(Event::Waiting(wait));
        tokio::time::sleep(wait).await;
    }

    /// Is there a next attempt, and when?
    fn next(&mut self, loss: &Loss) -> Result<Duration, Last> {
        #[cfg(feature = "tls")]
        if let Some(last) = self.is_stopped_by(loss) {
            return Err(last);
        }
        let mut lost = loss.lost(self.settings.pace.cap);
        let now = self.shared.clock.now();
        let random = self.settings.random.wait();
        let stop = match self.reconnect.on_lost(now, lost, random) {
            Next::After(wait) => return Ok(wait),
            Next::Stop(stop) => stop,
        };
        if self.settings.doubt_refusals && matches!(loss, Loss::Refused(_)) {
            // Who said it has not proved to be the server.
            lost = Lost::Told {
                reason: Reason::Overloaded,
                retry: longest_wait(self.settings.pace.cap),
            };
            if let Next::After(wait) = self.reconnect.on_lost(now, lost, random) {
                return Ok(wait);
            }
        }
        let stopped = match (stop, lost) {
            (Stop::Done, Lost::Ended) => Stopped::Closed,
            _ => Stopped::Server(stop),
        };
        let (text, cause) = match loss {
            // What this side's BYE said is what the numbers tell.
            Loss::Ended(end) if stopped == Stopped::Closed => (String::new(), end.cause),
            Loss::Ended(end) => (end.text.clone(), end.cause),
            Loss::Refused(refuse) => (refuse.text.clone(), Cause::NeverRegistered),
            _ => (String::new(), Cause::NeverRegistered),
        };
        let over = match loss {
            Loss::Ended(end) if end.fate == Fate::Ends => Some(end),
            _ => None,
        };
        Err(Last {
            stopped,
            text,
            cause,
            session: over.is_some(),
            missing: over.map_or(0, |end| end.missing),
        })
    }

    /// TLS has failed for long, and the program wants to know at once.
    #[cfg(feature = "tls")]
    fn is_stopped_by(&self, loss: &Loss) -> Option<Last> {
        let Loss::Tls(error) = loss else { return None };
        let stops = self
            .settings
            .tls
            .as_ref()
            .is_some_and(|tls| tls.failure_stops);
        (stops && error.failure().is_lasting()).then(|| Last {
            stopped: Stopped::Tls(error.failure()),
            text: error.detail(),
            cause: Cause::NeverRegistered,
            session: false,
            missing: 0,
        })
    }

    /// The client goes on, but not with this session.
    fn forget(&self, loss: &Loss) {
        match loss {
            Loss::Ended(end) if end.fate == Fate::Ends => {
                let gone = Gone {
                    reason: end.reason,
                    missing: end.missing,
                    ..Gone::by(end.cause)
                };
                self.shared.replace(None, &gone);
            }
            Loss::Registration(error) if error.ends_session() => {
                self.shared.replace(None, &Gone::by(Cause::ProtocolError));
            }
            _ => {}
        }
    }

    async fn attempt(&self) -> Result<Registered, Loss> {
        let shared = &self.shared;
        shared.set_status(Status::Connecting);
        shared.events.push(Event::Connecting {
            attempt: self.attempt,
        });
        let connected = connect(&self.settings, shared.clock).await?;
        let mut held = None;
        let purpose = shared.named().map_or(Purpose::Register, |named| {
            let core = &held.insert(Held::new(shared.current())).core;
            Purpose::Resume(Resumption {
                session: named.session,
                secret: named.secret,
                received: core.announce(),
                sent: core.numbers().sent,
            })
        });
        let nonce = self.settings.random.nonce();
        let hello = match &self.settings.search {
            Some(search) => &search.wish(&self.settings.hello),
            None => &self.settings.hello,
        };
        let registered = register(
            connected,
            hello,
            self.settings.credential.clone(),
            purpose,
            nonce.map_err(|error| Loss::Random(Arc::new(error)))?,
            shared.clock,
        )
        .await;
        if let Some(held) = &mut held {
            held.stays = match &registered {
                Ok(registered) => !registered.welcome.resumed,
                Err(failed) => failed.in_doubt,
            };
        }
        drop(held);
        self.welcomed(registered.map_err(|failed| failed.loss)?)
            .await
    }

    /// Takes up the session that WELCOME tells of, before anything is sent on it.
    async fn welcomed(&self, registered: Registered) -> Result<Registered, Loss> {
        let welcome = &registered.welcome;
        let accepts = Accepts {
            max_payload: welcome.max_payload,
            window: welcome.window,
        };
        if welcome.resumed {
            let fits = self.shared.current().resume(welcome.received, accepts);
            if let Err(error) = fits {
                let loss = Loss::Unfit(error);
                give_up(registered.io, &loss).await;
                let known = matches!(error, CannotResume::TakesLess);
                let gone = Gone {
                    handed_over: known.then_some(welcome.received),
                    ..Gone::by(Cause::ProtocolError)
                };
                self.shared.replace(None, &gone);
                return Err(loss);
            }
        } else {
            let gone = Gone {
                handed_over: welcome.known.then_some(welcome.received),
                drop_unread: true,
                ..Gone::by(Cause::PeerClosed)
            };
            self.shared.replace(Some(accepts), &gone);
        }
        self.shared.name(Named {
            session: welcome.session,
            secret: Secret::new(welcome.secret),
            epoch: welcome.epoch,
            accepts,
        });
        if let (Some(store), Some(saved)) = (&self.settings.store, self.shared.saved()) {
            // Until the first frame the server takes the secret from before as well:
            // where this fails, nothing is lost.
            timeout(self.settings.hello.deadline, store(saved))
                .await
                .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
                .map_err(|error| Loss::Store(Arc::new(error)))?;
        }
        Ok(registered)
    }

    /// Carries the session until the connection is closed; `None` where it is given up
    /// to move the session to another.
    async fn carry(&mut self, registered: Registered) -> Option<End> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let welcome = registered.welcome;
        if let (Some(sockets), Some(tcp)) = (&self.settings.sockets, registered.io.tcp()) {
            sockets.watch(tcp, &welcome);
        }
        self.reconnect.on_registered(now);
        self.attempt = 0;
        shared.set_attempts(0);
        shared.set_registered();
        shared.events.push(Event::Registered {
            epoch: welcome.epoch,
            resumed: welcome.resumed,
        });
        let start = Start {
            terms: terms(&welcome, &self.settings),
            detector: detector(&welcome, now),
            decoder: registered.decoder,
            below: registered.below,
        };
        let core = shared.current();
        let notice = |notice| {
            if let Notice::Link(event) = notice {
                if let link::Event::Ending(end) = &event
                    && (end.by_peer || end.reason != Some(Reason::Done))
                {
                    shared.events.push(Event::Lost(Loss::Ended(end.clone())));
                }
                shared.on_link(event);
            }
        };
        let run = core.run(core.part(), registered.io, start, notice);
        tokio::pin!(run);
        let renewal = async {
            match &self.settings.search {
                Some(search) => search.renewal().await,
                None => std::future::pending().await,
            }
        };
        let end = tokio::select! {
            biased;
            end = &mut run => end,
            // Dropped, the connection is closed and the session parked.
            () = renewal => return None,
            () = shared.close_overdue() => {
                let text = "not everything was acknowledged in time";
                core.bye(Reason::Done, Retry::Never, text);
                run.await
            }
        };
        // Nobody else gives this session a connection.
        Some(end.unwrap_or_else(|| End::of(link::Trigger::Moved)))
    }
}

/// A session of which nothing is handed over, because the server is being told how
/// much was: it tells its program what did not arrive, should it not resume. Where it
/// is not known whether it did, since WELCOME was lost, it stays so until the next
/// attempt shows it.
struct Held {
    core: Arc<Core>,
    stays: bool,
}

impl Held {
    fn new(core: Arc<Core>) -> Self {
        core.hold();
        Self { core, stays: false }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.stays {
            self.core.release();
        }
    }
}

/// A connection, within its time.
pub(super) async fn connect(settings: &Settings, clock: Clock) -> Result<Connected, Loss> {
    let within = settings.connect_within;
    let dialed = timeout(within, (settings.connector)())
        .await
        .map_err(|_| Loss::ConnectTimeout(within))?
        .map_err(|error| Loss::Connect(Arc::new(error)))?;
    begin(dialed, settings, clock).await
}

const fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms as u64)
}

fn terms(welcome: &Welcome, settings: &Settings) -> link::Terms {
    let promised = ms(welcome.client_beat_ms);
    let own_beat = match &settings.search {
        Some(search) => search.agreed(promised),
        None => promised,
    };
    link::Terms {
        own_beat: (!own_beat.is_zero()).then_some(own_beat),
        challenge: ms(welcome.challenge_ms),
        peer_is_one_way: false,
        drain: settings.drain,
        finish: settings.close_within,
    }
}

/// Judges what the server has promised, if anything.
fn detector(welcome: &Welcome, now: Duration) -> Option<Fixed> {
    let beat = ms(welcome.server_beat_ms);
    // Out of range only where it is 0: the rest was judged when WELCOME was read.
    let terms = detectors::Terms::new(beat, welcome.misses, ms(welcome.challenge_ms)).ok()?;
    Some(Fixed::new(terms, now))
}
