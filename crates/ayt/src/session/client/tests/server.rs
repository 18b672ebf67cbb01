//! A server for one identity, made of the machines of the protocol, that does what
//! a test tells it.

mod decide;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Frame, Method, Mode, Reason, Refuse, Retry};
use ayt_core::session::handshake::{
    Admission, Request, ResumeRequest, ResumeSecrets, Server as Machine, ServerStep, Terms,
    TermsPolicy, negotiate,
};
use ayt_core::session::link::{self, Fate};
use ayt_core::session::proof::{Key, Secret};
use ayt_core::session::spare;
use ayt_core::session::traffic::{Accepts, Config, Traffic};
use tokio::io::{AsyncReadExt as _, duplex};
use tokio::sync::Notify;

use super::cut::Cut;
use crate::session::driver::{Clock, Core, Notice, Start, Ticket};
use crate::session::wire::{read_frame, write_frame};

pub(super) const KEY: &[u8] = b"a key of thirty-two random bytes";

/// What happens to a connection.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// It is served.
    Serve,
    /// It is not made.
    Unreachable,
    /// It is refused.
    Refuse(Reason, Retry),
    /// Another method is asked for.
    Ask(Method),
    /// WELCOME has a wrong mac.
    WrongMac,
    /// Nothing is ever said.
    Mute,
    /// The session is not resumed; `true`: the server still knows it.
    Forget(bool),
    /// WELCOME tells of messages that were never sent.
    Claim(u64),
    /// It breaks after so many bytes: read and written by the client, read and
    /// written by the server.
    Cut([usize; 4]),
}

/// The session that a connection carries.
type Run = (Arc<Core>, Ticket, Terms);

#[derive(Clone)]
pub(super) struct Server(Arc<Inner>);

struct Inner {
    clock: Clock,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    plans: VecDeque<Plan>,
    method: Method,
    policy: TermsPolicy,
    session: Option<Session>,
    count: u8,
    epoch: u64,
    /// When each connection was asked for.
    asked: Vec<Duration>,
    spare_speaks: bool,
    keeps_promise: bool,
    frozen: Arc<Notify>,
}

struct Session {
    name: [u8; 16],
    secrets: ResumeSecrets,
    core: Arc<Core>,
    accepts: Accepts,
}

impl Server {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            clock: Clock::start(),
            state: Mutex::new(State {
                plans: VecDeque::new(),
                method: Method::Hmac,
                policy: TermsPolicy::default(),
                session: None,
                count: 0,
                epoch: 0,
                asked: Vec::new(),
                spare_speaks: true,
                keeps_promise: true,
                frozen: Arc::default(),
            }),
            changed: Notify::new(),
        }))
    }

    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.0.state.lock().unwrap())
    }

    pub(super) fn plan(&self, plans: impl IntoIterator<Item = Plan>) {
        self.with(|state| state.plans.extend(plans));
    }

    pub(super) fn set_policy(&self, policy: TermsPolicy) {
        self.with(|state| state.policy = policy);
    }

    pub(super) fn mute_spares(&self) {
        self.with(|state| state.spare_speaks = false);
    }

    /// From the next connection on it sends no beat of its own.
    pub(super) fn break_the_promise(&self) {
        self.with(|state| state.keeps_promise = false);
    }

    /// The connection that stands stays open, and nothing is said or heard on it.
    pub(super) fn freeze(&self) {
        self.with(|state| state.frozen.notify_one());
    }

    pub(super) fn asked(&self) -> Vec<Duration> {
        self.with(|state| state.asked.clone())
    }

    pub(super) fn now(&self) -> Duration {
        self.0.clock.now()
    }

    /// The session, once there is one.
    pub(super) async fn core(&self) -> Arc<Core> {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let core = self.with(|state| state.session.as_ref().map(|s| Arc::clone(&s.core)));
            if let Some(core) = core {
                return core;
            }
            changed.await;
        }
    }

    /// Breaks the connection that stands, as a router that forgets it.
    pub(super) fn cut(&self) {
        let core = self.with(|state| state.session.as_ref().map(|s| Arc::clone(&s.core)));
        core.unwrap().part();
    }

    /// What a client calls to connect.
    pub(super) fn connect(&self) -> io::Result<Cut> {
        let plan = self.with(|state| {
            let now = self.0.clock.now();
            state.asked.push(now);
            state.plans.pop_front().unwrap_or(Plan::Serve)
        });
        if plan == Plan::Unreachable {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = duplex(16 * 1024);
        let [a, b, c, d] = match plan {
            Plan::Cut(bytes) => bytes,
            _ => [usize::MAX; 4],
        };
        let (near, far) = (Cut::new(near, a, b), Cut::new(far, c, d));
        let server = self.clone();
        tokio::spawn(async move {
            // A connection that breaks is what these tests are about.
            let _ = server.serve(far, plan).await;
        });
        Ok(near)
    }

    async fn serve(self, mut io: Cut, plan: Plan) -> Option<()> {
        let clock = self.0.clock;
        if plan == Plan::Mute {
            io.read_to_end(&mut Vec::new()).await.ok()?;
            return None;
        }
        let method = match plan {
            Plan::Ask(method) => method,
            _ => self.with(|state| state.method),
        };
        let deadline = Duration::from_secs(10);
        let mut machine = Machine::accept(method, [9; 16], deadline, clock.now()).unwrap();
        let mut decoder = Decoder::new();
        let mut run = None;
        loop {
            let frame = read_frame(&mut io, &mut decoder).await.ok()?;
            let mut step = machine.on_frame(&frame, clock.now()).unwrap();
            let welcome = loop {
                let now = clock.now();
                step = match step {
                    ServerStep::Challenge(challenge) => {
                        let frame = match plan {
                            Plan::Refuse(reason, retry) => Frame::Refuse(Refuse {
                                reason,
                                retry,
                                text: "planned".into(),
                            }),
                            _ => Frame::Challenge(challenge),
                        };
                        write_frame(&mut io, &frame).await.ok()?;
                        break None;
                    }
                    ServerStep::FindKey => machine.key(Some(Key::new(KEY).unwrap()), now).unwrap(),
                    ServerStep::CheckCertificate => machine.certificate(true, now).unwrap(),
                    ServerStep::FindSession(name) => {
                        let secrets = self.with(|state| {
                            let session = state.session.as_ref().filter(|s| s.name == name);
                            session.map(|s| s.secrets.clone())
                        });
                        machine.session(secrets.as_ref(), now).unwrap()
                    }
                    ServerStep::Decide(request) => {
                        let (admission, terms, start) = self.decide(&request, &plan);
                        run = start;
                        machine.admit(&admission, &terms, now).unwrap()
                    }
                    ServerStep::Registered(mut welcome) => {
                        if plan == Plan::WrongMac {
                            welcome.mac.as_mut().unwrap()[31] ^= 1;
                        }
                        break Some(welcome);
                    }
                    ServerStep::Refused(refuse) => {
                        write_frame(&mut io, &Frame::Refuse(refuse)).await.ok()?;
                        return None;
                    }
                    ServerStep::Gone(_) => return None,
                };
            };
            if let Some(welcome) = welcome {
                decoder.set_limit(welcome.max_payload);
                write_frame(&mut io, &Frame::Welcome(welcome)).await.ok()?;
                break;
            }
        }
        match run {
            Some((core, ticket, terms)) => self.carry(core, ticket, io, terms, decoder).await,
            None => self.spare(io, decoder).await,
        }
    }

    async fn carry(
        &self,
        core: Arc<Core>,
        ticket: Ticket,
        io: Cut,
        terms: Terms,
        decoder: Decoder,
    ) -> Option<()> {
        let beat = Duration::from_millis(terms.server_beat_ms.into());
        let (keeps, frozen) = self.with(|state| (state.keeps_promise, Arc::clone(&state.frozen)));
        let start = Start {
            terms: link::Terms {
                own_beat: (keeps && !beat.is_zero()).then_some(beat),
                ..link::Terms::default()
            },
            detector: None,
            decoder,
            below: crate::session::driver::Below::default(),
        };
        let notice = |notice| {
            if notice == Notice::FirstFrame {
                self.with(|state| {
                    if let Some(session) = &mut state.session {
                        session.secrets.confirm();
                    }
                });
            }
        };
        let run = core.run(ticket, io, start, notice);
        tokio::pin!(run);
        let end = tokio::select! {
            end = &mut run => end?,
            // Held, not dropped: the connection stays open.
            () = frozen.notified() => std::future::pending().await,
        };
        if end.fate == Fate::Ends {
            core.finish(end.cause, end.reason, end.missing);
        }
        None
    }

    async fn spare(&self, mut io: Cut, mut decoder: Decoder) -> Option<()> {
        let clock = self.0.clock;
        let mut machine = spare::Server::new(clock.now(), Duration::from_secs(10));
        while machine.closing().is_none() {
            let at = clock.at(machine.next_deadline()?);
            tokio::select! {
                frame = read_frame(&mut io, &mut decoder) => {
                    machine.handle_frame(clock.now(), &frame.ok()?);
                }
                () = tokio::time::sleep_until(at) => machine.handle_timeout(clock.now()),
            }
            if let Some(frame) = machine.poll_transmit()
                && self.with(|state| state.spare_speaks)
            {
                write_frame(&mut io, &frame).await.ok()?;
            }
        }
        None
    }
}
