//! One server, one device, and the wires between them.

use std::collections::BTreeMap;
use std::time::Duration;

use ayt_core::session::frame::{Bits128, Frame, Reason, Welcome};
use ayt_core::session::handshake::{
    Client, ClientSettings, ClientStep, Credential, Purpose, Resumption,
};
use ayt_core::session::link::Event as LinkEvent;
use ayt_core::session::proof::Secret;
use ayt_core::session::reconnect::{Lost, Next, Pace, Reconnect, Stop};
use ayt_core::session::registry::{Config, Conn};
use ayt_core::session::traffic::Traffic;

use super::half::{ACCEPTS, BEAT, Half, config};
use super::program::Program;
use super::rng::Rng;
use super::server::{REGISTRATION, Server, identity, key};
use super::wire::{Arrival, Break, Pipe, Wire};

/// What the device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Connects at that time.
    Away(Duration),
    /// Waits for WELCOME until then.
    Registering(u64, Duration),
    /// Registered.
    Live(u64),
    /// Does not come back.
    Stopped(Stop),
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) half: Half,
    pub(crate) state: State,
    /// The session's name and secret.
    pub(crate) session: Option<(Bits128, Bits128)>,
    reconnect: Reconnect,
    machine: Option<Client>,
    /// PROOF went out, and was not answered.
    pub(crate) proved: bool,
    /// The last WELCOME.
    pub(crate) welcome: Option<Welcome>,
    /// What its links told.
    pub(crate) told: Vec<LinkEvent>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) rng: Rng,
    pub(crate) wires: BTreeMap<u64, Wire>,
    pub(crate) server: Server,
    pub(crate) device: Device,
    /// How many of the next connections are to be cut, at a random byte.
    pub(crate) cuts: u64,
    /// The latency of the next connections, from and to, ms.
    pub(crate) latency: (u64, u64),
    next_wire: u64,
    next_tick: Duration,
    /// The programs take messages.
    pub(crate) taking: bool,
    messages: u64,
}

impl World {
    /// Each side sends so many messages a session.
    pub(crate) fn new(seed: u64, config: Config, messages: u64) -> Self {
        let mut rng = Rng::new(seed);
        let server_rng = Rng::new(rng.next());
        Self {
            now: Duration::ZERO,
            rng,
            wires: BTreeMap::new(),
            server: Server::new(config, messages, server_rng),
            device: new_device(messages),
            cuts: 0,
            latency: (1, 60),
            next_wire: 0,
            next_tick: Duration::ZERO,
            taking: true,
            messages,
        }
    }

    /// The wire of the device's present connection.
    pub(crate) fn wire(&mut self) -> &mut Wire {
        let (State::Registering(wire, _) | State::Live(wire)) = self.device.state else {
            panic!("not connected: {:?}", self.device.state);
        };
        self.wires.get_mut(&wire).expect("its wire")
    }

    /// The device loses its power and starts again, knowing nothing.
    pub(crate) fn restart_device(&mut self) {
        if let State::Registering(number, _) | State::Live(number) = self.device.state {
            let wire = self.wires.get_mut(&number).expect("its wire");
            // What is under way still arrives; nothing else ever will. Only what is
            // left of a registration is lost: a PROOF that is held up on its way would
            // take over from the device's own next connection.
            let peer = self.server.peers.get(&Conn(number));
            if peer.is_some_and(|peer| peer.session.is_none()) {
                wire.up.lose();
                self.server.peers.remove(&Conn(number));
                self.server.registry.withdraw(&identity(), Conn(number));
            }
            wire.up.vanish();
            wire.down.vanish();
        }
        self.device = new_device(self.messages);
        self.device.state = State::Away(self.now);
    }

    /// Goes on until that is true, for a bounded time.
    pub(crate) fn run_until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let bound = self.now + Duration::from_secs(1_200);
        while !done(self) {
            self.step();
            assert!(self.now < bound, "never: {what}; {:?}", self.device);
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.next_moment() < end {
            self.step();
        }
        self.now = end;
    }

    fn next_moment(&mut self) -> Duration {
        let mut next = self.next_tick;
        for wire in self.wires.values() {
            for at in [wire.up.next_arrival(), wire.down.next_arrival()] {
                next = at.map_or(next, |at| next.min(at));
            }
        }
        let own = match self.device.state {
            State::Away(at) | State::Registering(_, at) => Some(at),
            State::Live(_) => self
                .device
                .half
                .link()
                .and_then(|link| link.next_deadline()),
            State::Stopped(_) => None,
        };
        let times = [own, self.server.next_deadline()];
        let next = times.into_iter().flatten().fold(next, Duration::min);
        next.max(self.now)
    }

    /// The next thing happens.
    pub(crate) fn step(&mut self) {
        self.now = self.next_moment();
        let now = self.now;
        let numbers: Vec<_> = self.wires.keys().copied().collect();
        for number in numbers {
            self.arrive(number);
        }
        self.server.on_timeout(now);
        match self.device.state {
            State::Away(at) if now >= at => self.dial(),
            State::Registering(_, at) if now >= at => self.device_lost(Lost::Broken),
            _ => {
                if let Some(link) = self.device.half.link() {
                    link.handle_timeout(now);
                }
            }
        }
        if now >= self.next_tick {
            self.tick();
        }
        self.pump_device();
        self.server.pump(now, &mut self.wires);
        self.check();
    }

    fn arrive(&mut self, number: u64) {
        let now = self.now;
        loop {
            let wire = self.wires.get_mut(&number).expect("a wire stays");
            let Some(came) = wire.up.arrive(now) else {
                break;
            };
            self.server.on_arrival(now, wire, Conn(number), came);
        }
        while let Some(came) = self.wires.get_mut(&number).and_then(|w| w.down.arrive(now)) {
            self.device_arrival(number, came);
        }
        let wire = self.wires.get_mut(&number).expect("a wire stays");
        wire.settle(now);
        let idle = wire.up.next_arrival().is_none() && wire.down.next_arrival().is_none();
        let mine =
            matches!(self.device.state, State::Registering(n, _) | State::Live(n) if n == number);
        if idle && !mine && !self.server.peers.contains_key(&Conn(number)) {
            self.wires.remove(&number);
        }
    }

    /// The programs do something, at random times.
    fn tick(&mut self) {
        let now = self.now;
        self.next_tick = now + self.rng.ms(1, 20);
        let (a, b) = (self.rng.one_in(3), self.rng.one_in(3));
        self.device.half.run_program(now, self.taking && !a);
        let sessions = self.server.sessions.clone();
        for (i, session) in sessions.iter().enumerate() {
            let (before, over) = {
                let half = session.borrow();
                let traffic = half.traffic();
                let over = traffic.is_ending() && traffic.all_handed_over();
                (half.program.taken, over && !half.program.in_hand)
            };
            if over {
                continue;
            }
            session.borrow_mut().run_program(now, self.taking && !b);
            if session.borrow().program.taken > before && before == 0 {
                self.check_order(i);
            }
        }
    }

    /// The first message of a session: nothing of an older one may follow.
    fn check_order(&self, index: usize) {
        let conns = self.server.registry.connections(&identity());
        let current = conns.live.map(|(_, epoch)| epoch);
        if current == Some(self.server.sessions[index].borrow().epoch) {
            assert_eq!(conns.drain, None, "the older one is still being read");
        }
    }

    fn dial(&mut self) {
        let (number, now) = (self.next_wire, self.now);
        self.next_wire += 1;
        let latency = self.rng.ms(self.latency.0, self.latency.1);
        let mut cut = [None, None];
        if self.cuts > 0 {
            self.cuts -= 1;
            let at = |rng: &mut Rng| Some(rng.between(0, 12_000));
            match self.rng.between(0, 2) {
                0 => cut[0] = at(&mut self.rng),
                1 => cut[1] = at(&mut self.rng),
                _ => cut = [at(&mut self.rng), at(&mut self.rng)],
            }
        }
        let breaks = match self.rng.between(0, 2) {
            0 => Break::OneWay,
            1 => Break::Silent,
            _ => Break::Reset,
        };
        let [up, down] = cut.map(|at| Pipe::new(latency, at));
        let mut wire = Wire::new(up, down, breaks);
        let purpose = match &self.device.session {
            None => Purpose::Register,
            Some((session, secret)) => {
                let traffic = self.device.half.traffic_mut();
                // The server is being told how much was handed over.
                traffic.hold();
                Purpose::Resume(Resumption {
                    session: *session,
                    secret: Secret::new(*secret),
                    received: traffic.announce(),
                    sent: traffic.numbers().sent,
                })
            }
        };
        let settings = ClientSettings {
            client_beat_ms: BEAT.as_millis() as u32,
            server_beat_ms: BEAT.as_millis() as u32,
            max_payload: ACCEPTS.max_payload,
            window: ACCEPTS.window,
            deadline: REGISTRATION,
            ..ClientSettings::new(identity())
        };
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.rng.next().to_be_bytes());
        let credential = Credential::Key(key());
        let (machine, hello) = Client::start(&settings, credential, purpose, nonce, now)
            .expect("settings in their ranges");
        self.device.machine = Some(machine);
        wire.up.send(now, hello);
        wire.settle(now);
        self.wires.insert(number, wire);
        self.server.accept(now, Conn(number));
        self.device.state = State::Registering(number, now + REGISTRATION);
    }

    fn device_arrival(&mut self, number: u64, came: Arrival) {
        let now = self.now;
        match self.device.state {
            State::Registering(n, _) if n == number => match came {
                Arrival::Bytes(_) => {}
                Arrival::Frame(frame) => self.device_registers(number, &frame),
                Arrival::Eof | Arrival::Reset => self.device_lost(Lost::Broken),
            },
            State::Live(n) if n == number => {
                let Some(link) = self.device.half.link() else {
                    return;
                };
                match came {
                    Arrival::Bytes(n) => link.handle_bytes(now, n),
                    Arrival::Frame(frame) => link.handle_frame(now, *frame),
                    Arrival::Eof => link.handle_eof(now),
                    Arrival::Reset => link.handle_error(now, ayt_core::cause::Cause::PeerReset),
                }
                // An ended link is acted on before the next arrival.
                self.pump_device();
            }
            _ => {}
        }
    }

    /// A frame before WELCOME, or WELCOME.
    fn device_registers(&mut self, number: u64, frame: &Frame) {
        let now = self.now;
        let machine = self.device.machine.as_mut().expect("it registers");
        match machine.on_frame(frame, now) {
            Ok(ClientStep::Send(proof)) => {
                self.device.proved = true;
                if let Some(wire) = self.wires.get_mut(&number) {
                    wire.up.send(now, proof);
                    wire.settle(now);
                }
            }
            Ok(ClientStep::Registered(welcome)) => self.device_welcome(number, welcome),
            Ok(ClientStep::Refused(refuse)) => {
                self.device.proved = false;
                let (reason, retry) = (refuse.reason, refuse.retry);
                self.device_lost(Lost::Told { reason, retry });
            }
            Err(error) => panic!("the server is the right one: {error}"),
        }
    }

    fn device_welcome(&mut self, number: u64, welcome: Welcome) {
        let device = &mut self.device;
        device.welcome = Some(welcome);
        if welcome.resumed {
            let traffic = device.half.traffic_mut();
            traffic
                .resume(welcome.received, ACCEPTS)
                .expect("the server has said so");
            traffic.release();
        } else if device.session.is_some() {
            // The old session is over: its program starts anew.
            device.half = Half::new(Traffic::new(config()), Program::new(self.messages));
        }
        device.session = Some((welcome.session, welcome.secret));
        device.proved = false;
        device.half.connect(self.now);
        device.reconnect.on_registered(self.now);
        device.state = State::Live(number);
    }

    fn device_lost(&mut self, lost: Lost) {
        let now = self.now;
        if let State::Registering(wire, _) | State::Live(wire) = self.device.state
            && let Some(wire) = self.wires.get_mut(&wire)
        {
            wire.up.close(now);
        }
        self.device.half.part(now);
        if !self.device.proved {
            // Otherwise WELCOME may have been lost: it is in doubt what was told.
            self.device.half.traffic_mut().release();
        }
        let next = self.device.reconnect.on_lost(now, lost, self.rng.next());
        self.device.state = match next {
            Next::After(wait) => State::Away(now + wait),
            Next::Stop(stop) => State::Stopped(stop),
        };
    }

    fn pump_device(&mut self) {
        let State::Live(number) = self.device.state else {
            return;
        };
        let now = self.now;
        let wire = self.wires.get_mut(&number).expect("its wire");
        for frame in self.device.half.frames(now) {
            wire.up.send(now, frame);
        }
        wire.settle(now);
        while let Some(event) = self.device.half.event() {
            match &event {
                LinkEvent::HalfClose => {
                    if let Some(wire) = self.wires.get_mut(&number) {
                        wire.up.close(now);
                    }
                }
                LinkEvent::Closed(end) => {
                    let lost = match (end.reason, end.retry) {
                        (Some(Reason::Done), _) => Lost::Ended,
                        (Some(reason), Some(retry)) if end.by_peer => Lost::Told { reason, retry },
                        _ => Lost::Broken,
                    };
                    self.device.told.push(event);
                    self.device_lost(lost);
                    return;
                }
                _ => {}
            }
            self.device.told.push(event);
        }
    }

    /// What must hold at every moment.
    fn check(&mut self) {
        self.device.half.check();
        let (mut live, mut draining) = (0, 0);
        for peer in self.server.peers.values() {
            if let Some((half, _)) = &peer.session {
                half.borrow().check();
                match half.borrow_mut().link() {
                    Some(link) if link.is_live() => live += 1,
                    Some(_) => draining += 1,
                    None => {}
                }
            }
        }
        assert!(live <= 1, "{live} live connections of one device");
        assert!(
            draining <= 1,
            "{draining} connections drained for one device"
        );
    }
}

fn new_device(messages: u64) -> Device {
    let pace = Pace {
        base: Duration::from_millis(10),
        cap: Duration::from_secs(1),
    };
    Device {
        half: Half::new(Traffic::new(config()), Program::new(messages)),
        state: State::Away(Duration::ZERO),
        session: None,
        reconnect: Reconnect::new(pace),
        machine: None,
        proved: false,
        welcome: None,
        told: Vec::new(),
    }
}
