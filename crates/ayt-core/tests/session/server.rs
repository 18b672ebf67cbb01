//! The server: a registry, and a driver for each connection.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ayt_core::session::frame::{Bits128, Frame, Method, Refuse};
use ayt_core::session::handshake::{
    Admission, ResumeRequest, Server as Machine, ServerStep, Terms,
};
use ayt_core::session::link::Event as LinkEvent;
use ayt_core::session::proof::{self, Key};
use ayt_core::session::registry::{
    Answer, Config, Conn, Decision, Event, InsteadOf, NewSession, Refusal, Registry, Secret, Wish,
};
use ayt_core::session::traffic::Traffic;
use bytes::Bytes;

use super::half::{ACCEPTS, BEAT, CHALLENGE, Half, Handle, MISSES, Shared, config};
use super::program::Program;
use super::rng::Rng;
use super::wire::{Arrival, Wire};

/// One connection at the server.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its session, once it is registered, and its epoch.
    pub(crate) session: Option<(Shared, u64)>,
    machine: Machine,
    /// What it wants to resume.
    resume: ResumeRequest,
    heard: bool,
}

impl Peer {
    /// What it wanted to resume, and could not.
    const fn instead_of(&self) -> Option<InsteadOf> {
        match &self.resume {
            ResumeRequest::Proved {
                session, received, ..
            } => Some(InsteadOf {
                session: *session,
                received: *received,
            }),
            ResumeRequest::NotAsked | ResumeRequest::Unknown => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) registry: Registry<Handle>,
    pub(crate) peers: BTreeMap<Conn, Peer>,
    /// Every session there was, in order.
    pub(crate) sessions: Vec<Shared>,
    /// Epochs whose connection has ended, and whose messages wait to be taken.
    ending: Vec<(Shared, u64)>,
    /// What the registry told, for the tests.
    pub(crate) told: Vec<Event<Handle>>,
    /// What the links told.
    pub(crate) link_events: Vec<(u64, LinkEvent)>,
    /// When one connection took over from another that was live.
    pub(crate) takeovers: Vec<Duration>,
    /// How many messages each new session sends.
    pub(crate) messages: u64,
    rng: Rng,
}

/// How long a registration may take.
pub(crate) const REGISTRATION: Duration = Duration::from_secs(10);

pub(crate) fn key() -> Key {
    Key::new(&[0x17; 32]).expect("it has 32 bytes")
}

pub(crate) fn identity() -> Bytes {
    Bytes::from_static(b"device")
}

impl Server {
    pub(crate) fn new(config: Config, messages: u64, rng: Rng) -> Self {
        Self {
            registry: Registry::new(config, 0),
            peers: BTreeMap::new(),
            sessions: Vec::new(),
            ending: Vec::new(),
            told: Vec::new(),
            link_events: Vec::new(),
            takeovers: Vec::new(),
            messages,
            rng,
        }
    }

    pub(crate) fn accept(&mut self, now: Duration, conn: Conn) {
        let nonce = self.random();
        let machine = Machine::accept(Method::Hmac, nonce, REGISTRATION, now);
        let peer = Peer {
            session: None,
            machine: machine.expect("in range"),
            resume: ResumeRequest::NotAsked,
            heard: false,
        };
        self.peers.insert(conn, peer);
    }

    fn random(&mut self) -> Bits128 {
        let mut bits = [0; 16];
        bits[..8].copy_from_slice(&self.rng.next().to_be_bytes());
        bits[8..].copy_from_slice(&self.rng.next().to_be_bytes());
        bits
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let links = self.peers.values().filter_map(|peer| match &peer.session {
            Some((half, _)) => half.borrow_mut().link()?.next_deadline(),
            None => peer.machine.next_deadline(),
        });
        links.chain(self.registry.next_deadline()).min()
    }

    pub(crate) fn on_timeout(&mut self, now: Duration) {
        for peer in self.peers.values() {
            if let Some((half, _)) = &peer.session
                && let Some(link) = half.borrow_mut().link()
            {
                link.handle_timeout(now);
            }
        }
        self.registry.handle_timeout(now);
    }

    pub(crate) fn on_arrival(&mut self, now: Duration, wire: &mut Wire, conn: Conn, came: Arrival) {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        if let Some((half, epoch)) = &peer.session {
            let mut half = half.borrow_mut();
            let Some(link) = half.link() else { return };
            match came {
                Arrival::Bytes(n) => link.handle_bytes(now, n),
                Arrival::Frame(frame) => {
                    if !std::mem::replace(&mut peer.heard, true) {
                        self.registry.heard(&identity(), *epoch);
                    }
                    link.handle_frame(now, *frame);
                }
                Arrival::Eof => link.handle_eof(now),
                Arrival::Reset => link.handle_error(now, ayt_core::cause::Cause::PeerReset),
            }
            return;
        }
        match came {
            Arrival::Bytes(_) => {}
            Arrival::Frame(frame) => self.on_registration(now, wire, conn, &frame),
            Arrival::Eof | Arrival::Reset => {
                self.registry.withdraw(&identity(), conn);
                self.peers.remove(&conn);
            }
        }
    }

    fn on_registration(&mut self, now: Duration, wire: &mut Wire, conn: Conn, frame: &Frame) {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        let mut step = peer.machine.on_frame(frame, now).expect("it waits for it");
        loop {
            step = match step {
                ServerStep::Challenge(challenge) => {
                    wire.down.send(now, Frame::Challenge(challenge));
                    return;
                }
                ServerStep::FindKey => peer.machine.key(Some(key()), now).expect("asked"),
                ServerStep::FindSession(name) => {
                    let secrets = self.registry.secrets(&identity(), &name);
                    let found = peer.machine.session(secrets.as_ref(), now);
                    found.expect("asked")
                }
                ServerStep::Decide(request) => {
                    peer.resume = request.resume;
                    return self.judge(now, wire, conn);
                }
                ServerStep::Refused(refuse) => return self.say_no(now, wire, conn, refuse),
                ServerStep::Gone(_) => {
                    self.peers.remove(&conn);
                    return;
                }
                other => panic!("{other:?}: neither certificates nor a decision before"),
            };
        }
    }

    /// What the registry makes of a client that has proved itself.
    fn judge(&mut self, now: Duration, wire: &mut Wire, conn: Conn) {
        let request = self.peers.get(&conn).map(|peer| peer.resume.clone());
        let Some(ResumeRequest::Proved {
            session,
            received,
            by,
        }) = request
        else {
            let decision = self.registry.register(now, &identity(), conn);
            return self.decide(now, wire, conn, decision);
        };
        let wish = Wish {
            session,
            received,
            accepts: ACCEPTS,
            proves: &|secret: &Bits128| secret == by.bits(),
        };
        let decision = match self.registry.resume(now, &identity(), conn, &wish) {
            Answer::Go(claim) => {
                return self.resume(now, wire, claim, (conn, received));
            }
            Answer::Fresh(decision) => decision,
            Answer::Refuse(refusal) => Decision::Refuse(refusal),
        };
        self.decide(now, wire, conn, decision);
    }

    fn decide(&mut self, now: Duration, wire: &mut Wire, conn: Conn, decision: Decision) {
        match decision {
            Decision::Refuse(refusal) => self.refuse(now, wire, conn, refusal),
            Decision::Verify { ask, .. } => {
                if let Some((half, _)) = ask.and_then(|ask| self.peers.get(&ask)?.session.as_ref())
                    && let Some(link) = half.borrow_mut().link()
                {
                    link.ask(now);
                }
            }
            Decision::Take(claim) => {
                let traffic = Traffic::new(config());
                let half = Half::new(traffic, Program::new(self.messages));
                let half = Rc::new(RefCell::new(half));
                let (name, secret) = (self.random(), self.random());
                let new = NewSession {
                    name,
                    secret: Secret(secret),
                    handle: Handle(Rc::clone(&half)),
                    instead_of: self.peers.get(&conn).and_then(Peer::instead_of),
                };
                let Ok(taken) = self.registry.commit(now, claim, new) else {
                    panic!("nothing comes between a decision and its commit here");
                };
                {
                    let mut half = half.borrow_mut();
                    half.epoch = taken.epoch;
                    half.connect(now);
                    if taken.held {
                        half.traffic_mut().hold();
                    }
                }
                self.takeovers.extend(taken.superseded.map(|_| now));
                if let Some((old, _)) = taken
                    .superseded
                    .and_then(|old| self.peers.get(&old)?.session.as_ref())
                    && let Some(link) = old.borrow_mut().link()
                {
                    use ayt_core::session::frame::{Reason, Retry};
                    link.bye(now, Reason::Superseded, Retry::Never, "");
                }
                if let Some(displaced) = taken.displaced {
                    self.ending.retain(|(_, epoch)| *epoch != displaced.epoch);
                    if let Some(conn) = displaced.conn {
                        self.cut(now, conn);
                    }
                }
                self.sessions.push(Rc::clone(&half));
                let admission = Admission::New {
                    epoch: taken.epoch,
                    session: name,
                    secret: proof::Secret::new(secret),
                    known: taken.known,
                };
                self.welcome(now, wire, conn, half, &admission);
            }
        }
    }

    fn resume(
        &mut self,
        now: Duration,
        wire: &mut Wire,
        claim: ayt_core::session::registry::Claim,
        (conn, received): (Conn, u64),
    ) {
        let secret = self.random();
        let resumed = self
            .registry
            .commit_resume(now, claim, Secret(secret))
            .expect("nothing comes between an answer and its commit here");
        if let Some(old) = resumed.cut {
            self.cut(now, old);
        }
        let half = resumed.handle.0;
        {
            let mut half = half.borrow_mut();
            half.part(now);
            half.traffic_mut()
                .resume(received, ACCEPTS)
                .expect("the registry has checked");
            half.epoch = resumed.epoch;
            half.connect(now);
            if resumed.held {
                half.traffic_mut().hold();
            }
        }
        let admission = Admission::Resumed {
            epoch: resumed.epoch,
            secret: proof::Secret::new(secret),
            received: half.borrow_mut().traffic_mut().announce(),
        };
        self.welcome(now, wire, conn, half, &admission);
    }

    fn welcome(
        &mut self,
        now: Duration,
        wire: &mut Wire,
        conn: Conn,
        half: Shared,
        admission: &Admission,
    ) {
        let Some(peer) = self.peers.get_mut(&conn) else {
            panic!("WELCOME to a connection that has gone");
        };
        let epoch = half.borrow().epoch;
        peer.session = Some((half, epoch));
        let terms = Terms {
            resume_ms: 0,
            client_beat_ms: BEAT.as_millis() as u32,
            server_beat_ms: BEAT.as_millis() as u32,
            misses: MISSES as u8,
            challenge_ms: CHALLENGE.as_millis() as u32,
            max_payload: ACCEPTS.max_payload,
            window: ACCEPTS.window,
        };
        match peer.machine.admit(admission, &terms, now) {
            Ok(ServerStep::Registered(welcome)) => wire.down.send(now, Frame::Welcome(welcome)),
            other => panic!("{other:?} instead of WELCOME"),
        }
    }

    fn refuse(&mut self, now: Duration, wire: &mut Wire, conn: Conn, refusal: Refusal) {
        let refuse = Refuse {
            reason: refusal.reason,
            retry: refusal.retry,
            text: String::new(),
        };
        self.say_no(now, wire, conn, refuse);
    }

    fn say_no(&mut self, now: Duration, wire: &mut Wire, conn: Conn, refuse: Refuse) {
        wire.down.send(now, Frame::Refuse(refuse));
        wire.down.close(now);
        self.peers.remove(&conn);
    }

    /// Closes a connection at once; its session goes on, or is over already.
    fn cut(&mut self, now: Duration, conn: Conn) {
        if let Some(peer) = self.peers.remove(&conn)
            && let Some((half, _)) = peer.session
        {
            half.borrow_mut().part(now);
        }
    }

    /// Writes what is to be written, and acts on what was told.
    pub(crate) fn pump(&mut self, now: Duration, wires: &mut BTreeMap<u64, Wire>) {
        let conns: Vec<_> = self.peers.keys().copied().collect();
        for conn in conns {
            let late = self
                .peers
                .get_mut(&conn)
                .filter(|peer| peer.session.is_none())
                .and_then(|peer| peer.machine.poll(now));
            match (late, wires.get_mut(&conn.0)) {
                (Some(refuse), Some(wire)) => {
                    self.registry.withdraw(&identity(), conn);
                    self.say_no(now, wire, conn, refuse);
                }
                _ => self.pump_one(now, wires, conn),
            }
        }
        let ready: Vec<_> = self
            .ending
            .extract_if(.., |(half, _)| half.borrow().traffic().all_handed_over())
            .collect();
        for (_, epoch) in ready {
            self.registry.drained(now, &identity(), epoch);
        }
        while let Some(event) = self.registry.poll_event() {
            match &event {
                Event::Cut(conn) => self.cut(now, *conn),
                Event::Released { epoch, .. } => {
                    let half = self.registry.session(&identity(), *epoch);
                    let half = half.expect("released by its epoch").0.clone();
                    half.borrow_mut().traffic_mut().release();
                }
                Event::Decided { conn, decision } => {
                    if let Some(wire) = wires.get_mut(&conn.0) {
                        self.decide(now, wire, *conn, decision.clone());
                    }
                }
                Event::Over { .. } | Event::Settled { .. } | Event::Flapping(_) => {}
            }
            self.told.push(event);
        }
    }

    fn pump_one(&mut self, now: Duration, wires: &mut BTreeMap<u64, Wire>, conn: Conn) {
        let Some((half, epoch)) = self.peers.get(&conn).and_then(|peer| peer.session.clone())
        else {
            return;
        };
        let wire = wires
            .get_mut(&conn.0)
            .expect("each connection has its wire");
        for frame in half.borrow_mut().frames(now) {
            wire.down.send(now, frame);
        }
        loop {
            let Some(event) = half.borrow_mut().event() else {
                break;
            };
            match &event {
                LinkEvent::Ending(end) => {
                    let known = self.registry.lost(now, &identity(), epoch, end.fate, true);
                    // Superseded: the registry knew before.
                    assert!(known || end.cause == ayt_core::cause::Cause::Superseded);
                }
                LinkEvent::HalfClose => wire.down.close(now),
                LinkEvent::Closed(_) => {
                    wire.down.close(now);
                    half.borrow_mut().part(now);
                    self.peers.remove(&conn);
                    self.ending.push((half.clone(), epoch));
                }
                LinkEvent::Answered | LinkEvent::Unanswered => {
                    let answered = event == LinkEvent::Answered;
                    let decided = self.registry.verified(now, &identity(), epoch, answered);
                    if let Some((waiting, decision)) = decided {
                        let wire = wires.get_mut(&waiting.0).expect("it waits on a wire");
                        self.decide(now, wire, waiting, decision);
                    }
                    self.link_events.push((epoch, event));
                    return self.pump_one(now, wires, conn);
                }
                _ => {}
            }
            self.link_events.push((epoch, event));
        }
        wires.get_mut(&conn.0).expect("it was there").settle(now);
    }
}
