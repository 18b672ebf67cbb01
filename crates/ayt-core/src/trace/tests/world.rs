//! A path of routers with a peer at its end, in virtual time.

use std::collections::BTreeMap;

use super::*;

const ACKED: u32 = 1_000_000;

pub(super) fn flow() -> Flow {
    Flow {
        local: "10.0.0.1:7000".parse().unwrap(),
        remote: "10.0.99.2:5000".parse().unwrap(),
    }
}

pub(super) fn router(at: u8) -> IpAddr {
    IpAddr::from([10, 0, at, 1])
}

#[derive(Clone)]
pub(super) struct Router {
    pub(super) silent: bool,
    /// It answers the first of so many asks.
    pub(super) every: u32,
    asked: u32,
}

pub(super) struct Peer {
    /// Hops to it.
    pub(super) at: u8,
    /// What its packets have left here.
    pub(super) hops_left: u8,
    pub(super) resets: bool,
    /// It acknowledges data all the time, and nothing else is seen.
    pub(super) busy: bool,
    /// It sends data of its own all the time.
    pub(super) talks: bool,
    mute_until: Duration,
}

pub(super) struct World {
    pub(super) now: Duration,
    pub(super) routers: Vec<Router>,
    pub(super) peer: Peer,
    /// Milliseconds of round trip a hop adds.
    pub(super) speed: u64,
    pub(super) swallow_after: Option<u8>,
    /// Behind this router every n-th packet is lost.
    pub(super) lose_after: Option<(u8, u32)>,
    pub(super) refuse_at: Option<(u8, u8)>,
    /// The last router sends all back to this one.
    pub(super) loop_from: Option<u8>,
    /// Behind this router the connection is seen as this.
    pub(super) nat: Option<(u8, SocketAddr)>,
    /// Behind this router the MTU, and whether it says so.
    pub(super) mtu_after: Option<(u8, u16, bool)>,
    /// Then the connection is found gone.
    pub(super) gone_at: Option<Duration>,
    passed: u32,
    due: BTreeMap<(Duration, u32), Event>,
    count: u32,
}

#[derive(Clone)]
enum Event {
    Said(Said),
    Heard(Heard, u8),
}

impl World {
    pub(super) fn new(routers: u8) -> Self {
        let router = Router {
            silent: false,
            every: 1,
            asked: 0,
        };
        Self {
            now: Duration::ZERO,
            routers: vec![router; usize::from(routers)],
            peer: Peer {
                at: routers + 1,
                hops_left: 64 - routers,
                resets: false,
                busy: false,
                talks: false,
                mute_until: Duration::ZERO,
            },
            speed: 10,
            swallow_after: None,
            lose_after: None,
            refuse_at: None,
            loop_from: None,
            nat: None,
            mtu_after: None,
            gone_at: None,
            passed: 0,
            due: BTreeMap::new(),
            count: 0,
        }
    }

    pub(super) fn run(&mut self, how: Settings) -> Trace {
        self.watched(how, |_| {})
    }

    pub(super) fn watched(&mut self, how: Settings, mut watch: impl FnMut(&Picture)) -> Trace {
        let mut trace = Trace::new(self.now, flow(), how, 7);
        if self.peer.busy || self.peer.talks {
            let heard = if self.peer.busy {
                Heard::Acknowledges
            } else {
                Heard::Other
            };
            for tick in 1..400 {
                self.later(ms(25 * tick), Event::Heard(heard, self.peer.hops_left));
            }
        }
        loop {
            if self.gone_at.take_if(|at| *at <= self.now).is_some() {
                trace.on_gone();
            }
            match trace.next(self.now) {
                Next::Ask(ask) => {
                    let seq = ACKED - ask.below;
                    trace.on_asked(self.now, ask, seq);
                    assert!(trace.on_seen(self.now, seq));
                    self.carry(&ask, seq);
                }
                Next::Wait(until) => {
                    assert!(until > self.now);
                    let next = self.due.first_key_value().map(|(key, _)| *key);
                    match next.filter(|(at, _)| *at <= until) {
                        Some(key) => {
                            self.now = self.now.max(key.0);
                            let event = self.due.remove(&key).unwrap();
                            self.tell(&mut trace, event);
                        }
                        None => self.now = until,
                    }
                    watch(&trace.picture(self.now, false));
                }
                Next::Done => {
                    watch(&trace.picture(self.now, true));
                    return trace;
                }
            }
        }
    }

    fn tell(&self, trace: &mut Trace, event: Event) {
        match event {
            Event::Said(said) => drop(trace.on_said(self.now, &said)),
            Event::Heard(heard, hops_left) => {
                trace.on_heard(self.now, self.now, heard, hops_left);
            }
        }
    }

    fn later(&mut self, after: Duration, event: Event) {
        self.count += 1;
        self.due.insert((self.now + after, self.count), event);
    }

    fn round_trip(&self, hop: u8) -> Duration {
        ms(self.speed * u64::from(hop))
    }

    fn carry(&mut self, ask: &Ask, seq: u32) {
        let mut hop = 0;
        let mut at = 0;
        if self.swallow_after == Some(0) {
            return;
        }
        loop {
            hop += 1;
            at += 1;
            if let Some(first) = self.loop_from.filter(|_| at > self.routers.len() as u8) {
                at = first;
            }
            if hop >= self.peer.at && self.loop_from.is_none() {
                return self.arrive();
            }
            let says = |what, hops_left| Said {
                from: router(at),
                what,
                flow: flow(),
                seq,
                id: ask.id,
                hops_left,
                labels: Vec::new(),
            };
            let (delay, left) = (self.round_trip(hop), ask.ttl - hop + 1);
            if left == 1 {
                let router = &mut self.routers[usize::from(at) - 1];
                router.asked += 1;
                if router.silent || !(router.asked - 1).is_multiple_of(router.every) {
                    return;
                }
                let mut said = says(What::TimeExceeded, 1);
                if let Some((_, seen_as)) = self.nat.filter(|(nat, _)| hop > *nat) {
                    said.flow.local = seen_as;
                }
                return self.later(delay, Event::Said(said));
            }
            if let Some((_, code)) = self.refuse_at.filter(|(refuse, _)| *refuse == hop) {
                return self.later(delay, Event::Said(says(What::Unreachable(code), left - 1)));
            }
            if let Some((_, mtu, says_so)) = self.mtu_after.filter(|(narrow, _, _)| *narrow == hop)
                && ask.size.is_some_and(|size| size > mtu)
            {
                if says_so {
                    let said = says(What::TooBig(mtu.into()), left);
                    self.later(delay, Event::Said(said));
                }
                return;
            }
            if self.swallow_after == Some(hop) {
                return;
            }
            if let Some((_, every)) = self.lose_after.filter(|(lossy, _)| *lossy == hop) {
                self.passed += 1;
                // Not in step with the hops.
                if (self.passed * 7 / 5).is_multiple_of(every) {
                    return;
                }
            }
        }
    }

    fn arrive(&mut self) {
        let hop = self.peer.at;
        if self.peer.resets {
            return self.later(
                self.round_trip(hop),
                Event::Heard(Heard::Reset, self.peer.hops_left),
            );
        }
        // Once in half a second, as a Linux peer does.
        if self.peer.busy || self.now < self.peer.mute_until {
            return;
        }
        self.peer.mute_until = self.now + ms(500);
        self.later(
            self.round_trip(hop),
            Event::Heard(Heard::Answer, self.peer.hops_left),
        );
    }
}
