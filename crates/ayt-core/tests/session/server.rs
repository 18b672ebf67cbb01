//! The server: a registry, and a driver for each connection.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ayt_core::session::frame::{Bits128, Frame, Mode, Proof, Refuse, Welcome};
use ayt_core::session::link::Event as LinkEvent;
use ayt_core::session::registry::{
    Answer, Config, Conn, Decision, Event, InsteadOf, Memory, NewSession, Refusal, Registry,
    Secret, Wish,
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
    /// What it wanted to resume, and could not.
    instead_of: Option<InsteadOf>,
    heard: bool,
}

/// What WELCOME tells of the session before.
enum Before {
    Resumed,
    /// It is gone; up to where it was handed over, where that is known.
    Lost(Option<u64>),
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

pub(crate) fn identity() -> Bytes {
    Bytes::from_static(b"device")
}

impl Server {
    pub(crate) fn new(config: Config, messages: u64, rng: Rng) -> Self {
        Self {
            registry: Registry::new(config, Memory::default(), 0),
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

    pub(crate) fn accept(&mut self, conn: Conn) {
        let peer = Peer {
            session: None,
            instead_of: None,
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
        let links = self.peers.values().filter_map(|peer| {
            let (half, _) = peer.session.as_ref()?;
            half.borrow_mut().link()?.next_deadline()
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
        let decision = match frame {
            Frame::Hello(hello) => {
                assert_eq!(hello.mode, Mode::Register);
                self.registry.register(now, &identity(), conn)
            }
            Frame::Proof(Proof { resume, .. }) => {
                let resume = resume.expect("the stand-in proves only a resume");
                let proves = |secret: &Bits128| resume.mac[..16] == secret[..];
                let wish = Wish {
                    session: resume.session,
                    received: resume.received,
                    accepts: ACCEPTS,
                    proves: &proves,
                };
                match self.registry.resume(now, &identity(), conn, &wish) {
                    Answer::Go(claim) => {
                        self.resume(now, wire, claim, (conn, resume.session, resume.received));
                        return;
                    }
                    Answer::Fresh(decision) => {
                        if let Some(peer) = self.peers.get_mut(&conn) {
                            peer.instead_of = Some(InsteadOf {
                                session: resume.session,
                                received: resume.received,
                            });
                        }
                        decision
                    }
                    Answer::Refuse(refusal) => Decision::Refuse(refusal),
                }
            }
            other => panic!("{other:?} before WELCOME"),
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
                    instead_of: self.peers.get(&conn).and_then(|peer| peer.instead_of),
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
                self.welcome(
                    now,
                    wire,
                    conn,
                    half,
                    (taken.epoch, name, secret, Before::Lost(taken.known)),
                );
            }
        }
    }

    fn resume(
        &mut self,
        now: Duration,
        wire: &mut Wire,
        claim: ayt_core::session::registry::Claim,
        (conn, name, received): (Conn, Bits128, u64),
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
        self.welcome(
            now,
            wire,
            conn,
            half,
            (resumed.epoch, name, secret, Before::Resumed),
        );
    }

    fn welcome(
        &mut self,
        now: Duration,
        wire: &mut Wire,
        conn: Conn,
        half: Shared,
        (epoch, session, secret, before): (u64, Bits128, Bits128, Before),
    ) {
        let Some(peer) = self.peers.get_mut(&conn) else {
            panic!("WELCOME to a connection that has gone");
        };
        let (resumed, known) = match before {
            Before::Resumed => (true, None),
            Before::Lost(known) => (false, known),
        };
        let received = if resumed {
            half.borrow_mut().traffic_mut().announce()
        } else {
            known.unwrap_or(0)
        };
        peer.session = Some((half, epoch));
        let welcome = Welcome {
            resumed,
            known: known.is_some(),
            epoch,
            session,
            secret,
            resume_ms: 0,
            client_beat_ms: BEAT.as_millis() as u32,
            server_beat_ms: BEAT.as_millis() as u32,
            misses: MISSES as u8,
            challenge_ms: CHALLENGE.as_millis() as u32,
            max_payload: ACCEPTS.max_payload,
            window: ACCEPTS.window,
            received,
            mac: None,
        };
        wire.down.send(now, Frame::Welcome(welcome));
    }

    fn refuse(&mut self, now: Duration, wire: &mut Wire, conn: Conn, refusal: Refusal) {
        let refuse = Refuse {
            reason: refusal.reason,
            retry: refusal.retry,
            text: String::new(),
        };
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
            self.pump_one(now, wires, conn);
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
