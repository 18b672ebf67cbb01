//! What to ask when.
//!
//! The first round asks every number of hops, the first few at once, the rest a
//! millisecond apart, until the end of the path is heard: the picture is there
//! after the round trip of the farthest. Later rounds ask the routers that are
//! known at once, and then the peer: it answers one ask in half a second only and
//! does not tell which, so those that may reach it are sent alone, each after a
//! pause, the one with the fewest hops first.

use std::time::Duration;

use super::ledger::{Asked, Ledger};
use super::peer::ANSWERS_APART;
use super::{Ask, Flow, Heard, Picture, Said, Settings, What, full, picture};

/// Asks of a round that go out at once.
const AT_ONCE: u8 = 8;

/// Between those that follow.
const PACE: Duration = Duration::from_millis(1);

/// Hops beyond the last that answers which later rounds ask.
const BEYOND: u8 = 5;

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send this, then call [`Trace::on_asked`] or [`Trace::on_unsent`].
    Ask(Ask),
    /// Look at what comes until then.
    Wait(Duration),
    /// It is finished.
    Done,
}

/// One connection being traced.
///
/// Call [`Self::next`] and do as it says. Between, tell what was seen: the asks
/// going out ([`Self::on_seen`]), ICMP errors ([`Self::on_said`]), the peer's
/// segments ([`Self::on_heard`]). `now` is an offset from any origin and never
/// goes back; `at` is the time of the kernel that saw the packet.
#[derive(Debug, Clone)]
pub struct Trace {
    pub(super) flow: Flow,
    pub(super) settings: Settings,
    pub(super) ledger: Ledger,
    pub(super) heard: Vec<HeardAt>,
    pub(super) round: u32,
    /// Routers up to here have answered nothing to an ask sent alone, and the
    /// next hop has.
    silent_to: u8,
    /// An ask with so many hops has reached the peer.
    high: Option<u8>,
    phase: Phase,
    round_at: Duration,
    ready_at: Duration,
    peer_ready_at: Duration,
    last_sent: Duration,
    /// No more rounds: the connection has gone.
    cut_short: bool,
    /// The peer's segments come, whatever becomes of this side's.
    pub(super) back_open: bool,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Asks with `next` to `last` hops, at once.
    Burst {
        next: u8,
        last: u8,
    },
    /// Asks alone, until one is answered.
    Search {
        next: u8,
        last: u8,
    },
    /// Nothing more to ask in this round.
    Rest,
    /// Asks of full size.
    Full {
        next: u8,
        last: u8,
        size: u16,
    },
    /// Nothing more to ask of this size.
    FullRest {
        size: u16,
    },
    Done,
}

/// Something that was heard of the peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeardAt {
    pub(super) heard: Heard,
    pub(super) round: u32,
    pub(super) at: Duration,
    /// The only ask it can answer.
    pub(super) alone: Option<u8>,
    /// Hops its packet had left.
    pub(super) hops_left: u8,
    /// Size of the asks that were out.
    pub(super) size: Option<u16>,
}

impl Trace {
    /// A trace that begins now. `chance`: any number, another one each time.
    #[must_use]
    pub fn new(now: Duration, flow: Flow, settings: Settings, chance: u16) -> Self {
        let settings = Settings {
            rounds: settings.rounds.max(1),
            max_hops: settings.max_hops.max(1),
            ..settings
        };
        Self {
            flow,
            settings,
            ledger: Ledger::new(chance),
            heard: Vec::new(),
            round: 1,
            silent_to: 0,
            high: None,
            phase: Phase::Burst {
                next: 1,
                last: settings.max_hops,
            },
            round_at: now,
            ready_at: now,
            peer_ready_at: now,
            last_sent: now,
            cut_short: false,
            back_open: false,
        }
    }

    /// What to do next.
    pub fn next(&mut self, now: Duration) -> Next {
        loop {
            match self.phase {
                Phase::Burst { next, last } => {
                    let over = self.round == 1 && self.end_heard(next);
                    if over || next > last {
                        self.phase = self.after_burst(now);
                    } else if now < self.ready_at {
                        return Next::Wait(self.ready_at);
                    } else {
                        return Next::Ask(self.ledger.make(next, None));
                    }
                }
                Phase::Search { next, last } => {
                    let ready = self.ready_at.max(self.peer_ready_at);
                    let busy = self.busy_in_round() && next > picture::distance(self);
                    if next > last || busy || self.heard_in_round() {
                        self.phase = Phase::Rest;
                    } else if now < ready {
                        return Next::Wait(ready);
                    } else {
                        return Next::Ask(self.ledger.make(next, None));
                    }
                }
                Phase::Rest => {
                    let until = self.rest_until();
                    if now < until {
                        return Next::Wait(until);
                    }
                    self.phase = self.after_rest(now);
                }
                Phase::Full { next, last, size } => {
                    let ready = self.ready_at.max(self.peer_ready_at);
                    if next > last {
                        self.phase = Phase::FullRest { size };
                    } else if now < ready {
                        return Next::Wait(ready);
                    } else {
                        return Next::Ask(self.ledger.make(next, Some(size)));
                    }
                }
                Phase::FullRest { size } => {
                    let until = self.full_until(size);
                    if now < until {
                        return Next::Wait(until);
                    }
                    self.phase = match full::smaller(&self.ledger, size) {
                        Some(size) if !self.cut_short => self.full(now, size),
                        _ => Phase::Done,
                    };
                }
                Phase::Done => return Next::Done,
            }
        }
    }

    /// An ask was sent, with this sequence number.
    pub fn on_asked(&mut self, now: Duration, ask: Ask, seq: u32) {
        self.ledger.sent(ask, seq, self.round, now);
        self.last_sent = now;
        match &mut self.phase {
            Phase::Burst { next, .. } | Phase::Full { next, .. } => {
                *next = next.saturating_add(1);
                self.ready_at = if *next > AT_ONCE { now + PACE } else { now };
            }
            Phase::Search { next, .. } => {
                *next = next.saturating_add(1);
                self.ready_at = now + self.pause();
            }
            Phase::Rest | Phase::FullRest { .. } | Phase::Done => {}
        }
    }

    /// An ask could not be sent, and no other will be.
    pub fn on_unsent(&mut self) {
        self.cut_short = true;
        self.phase = match self.phase {
            Phase::Full { size, .. } | Phase::FullRest { size } => Phase::FullRest { size },
            Phase::Done => Phase::Done,
            _ => Phase::Rest,
        };
    }

    /// The connection has gone, most likely by the peer's RST: the first round is
    /// finished, so that the picture is whole, and no other begins.
    pub const fn on_gone(&mut self) {
        self.cut_short = true;
        if self.round > 1 {
            self.phase = Phase::Rest;
        }
    }

    /// A segment of this side's was seen going out. Returns whether it is an ask.
    pub fn on_seen(&mut self, at: Duration, seq: u32) -> bool {
        self.ledger.seen(seq, at)
    }

    /// An ICMP error came. Returns whether it is about an ask.
    pub fn on_said(&mut self, at: Duration, said: &Said) -> bool {
        self.ledger.said(&self.flow, at, said).is_some()
    }

    /// A segment of the peer's came, with so many hops left.
    pub fn on_heard(&mut self, now: Duration, at: Duration, heard: Heard, hops_left: u8) {
        let lower = self.lower();
        let far = |asked: &&Asked| asked.ask.ttl > lower;
        let Some(latest) = self.ledger.all().iter().rev().find(far) else {
            return;
        };
        if heard == Heard::Other {
            self.back_open = true;
            return;
        }
        let size = latest.ask.size;
        let (round, ttl) = (latest.round, latest.ask.ttl);
        if heard == Heard::Answer {
            self.peer_ready_at = now + ANSWERS_APART;
        }
        let first = !self
            .heard
            .iter()
            .any(|one| one.round == round && one.size == size);
        let mut alone = None;
        if size.is_none() && heard != Heard::Acknowledges && first {
            if let (Phase::Search { .. } | Phase::Rest, true) =
                (self.phase, round == self.round && round > 1)
            {
                alone = Some(ttl);
                self.silent_to = ttl - 1;
                self.high = Some(ttl);
            } else if round == 1 {
                // The first ask that reached it is one of those sent by now.
                let most = self.ledger.all().iter().map(|asked| asked.ask.ttl).max();
                self.high = self.high.or(most);
            }
        }
        if !first && size.is_none() && round < self.round {
            // To an ask that no silent router kept from the peer: one that was
            // sent alone was answered late, and the next one taken for it.
            self.silent_to = 0;
        }
        self.heard.push(HeardAt {
            heard,
            round,
            at,
            alone,
            hops_left,
            size,
        });
    }

    /// What is known at `now`; `last`: nothing more will come.
    #[must_use]
    pub fn picture(&self, now: Duration, last: bool) -> Picture {
        picture::of(self, now, last)
    }

    /// The farthest hop from which an ask was sent back for want of hops.
    pub(super) fn low(&self) -> u8 {
        let ran_out = self.ledger.all().iter().filter(|asked| {
            let what = asked.answer.as_ref().map(|answer| answer.what);
            what == Some(What::TimeExceeded)
        });
        ran_out.map(|asked| asked.ask.ttl).max().unwrap_or(0)
    }

    /// The peer lies beyond these hops.
    pub(super) fn lower(&self) -> u8 {
        self.low().max(self.silent_to)
    }

    /// The peer lies no farther.
    pub(super) const fn upper(&self) -> Option<u8> {
        self.high
    }

    /// An ask with the fewest hops that a router would not carry on.
    pub(super) fn refused_at(&self) -> Option<u8> {
        let asks = self.ledger.all().iter();
        let refused = asks.filter(|asked| {
            let what = asked.answer.as_ref().map(|answer| answer.what);
            matches!(what, Some(What::Unreachable(_)))
        });
        refused.map(|asked| asked.ask.ttl).min()
    }

    /// The longest round trip so far.
    pub(super) fn longest(&self) -> Duration {
        let routers = self.ledger.all().iter();
        let routers = routers.filter_map(|asked| asked.answer.as_ref()?.rtt);
        // At worst the peer's answer was to the first ask that can have reached it.
        let peers = self.heard.iter().filter_map(|one| {
            let lower = self.lower();
            let mut asks = self.ledger.all().iter();
            let first = asks.find(|asked| {
                let can = asked.ask.ttl > lower && one.alone.is_none_or(|ttl| asked.ask.ttl == ttl);
                asked.round == one.round && asked.ask.size == one.size && can
            });
            one.at.checked_sub(first?.seen?)
        });
        routers.chain(peers).max().unwrap_or_default()
    }

    /// The first round has heard the end of the path: more hops reach no farther.
    fn end_heard(&self, next: u8) -> bool {
        let refused = self.refused_at().is_some_and(|ttl| next > ttl);
        self.high.is_some() || refused
    }

    fn heard_in_round(&self) -> bool {
        let told = |one: &HeardAt| one.round == self.round && one.heard != Heard::Acknowledges;
        self.heard.iter().any(told)
    }

    /// It acknowledges data meanwhile, so that no answer need be told from that.
    fn busy_in_round(&self) -> bool {
        let told = |one: &HeardAt| one.round == self.round && one.heard == Heard::Acknowledges;
        self.heard.iter().any(told)
    }

    fn after_burst(&mut self, now: Duration) -> Phase {
        if self.round == 1 {
            return Phase::Rest;
        }
        let search = match (self.high, self.heard.is_empty()) {
            (Some(high), _) => (self.lower() + 1).min(high)..=high,
            // It is busy and acknowledges all the time: which ask is answered
            // cannot be told, so one is enough.
            (None, false) => {
                let distance = picture::distance(self);
                distance..=distance
            }
            (None, true) => return Phase::Rest,
        };
        self.ready_at = now + self.pause();
        Phase::Search {
            next: *search.start(),
            last: (*search.end()).min(self.settings.max_hops),
        }
    }

    fn after_rest(&mut self, now: Duration) -> Phase {
        if self.round < self.settings.rounds && !self.cut_short {
            self.round += 1;
            self.round_at = now;
            self.ready_at = now;
            let most = self.settings.max_hops;
            let last = match (self.heard.is_empty(), self.refused_at()) {
                (false, _) => self.high.map_or(most, |high| high - 1).min(self.lower()),
                (true, Some(refused)) => refused,
                (true, None) => self.low().saturating_add(BEYOND),
            };
            return Phase::Burst {
                next: 1,
                last: last.min(most),
            };
        }
        match self.settings.full_size {
            Some(size) if !self.cut_short => self.full(now, size),
            _ => Phase::Done,
        }
    }

    fn full(&mut self, now: Duration, size: u16) -> Phase {
        self.ready_at = now;
        let last = if self.heard.is_empty() {
            self.refused_at().unwrap_or_else(|| self.low())
        } else {
            picture::distance(self)
        };
        Phase::Full {
            next: 1,
            last,
            size,
        }
    }

    /// When a round's rest is over.
    fn rest_until(&self) -> Duration {
        if self.round < self.settings.rounds && !self.cut_short {
            return self.round_at + self.settings.interval;
        }
        if self.all_answered() {
            return Duration::ZERO;
        }
        self.last_sent + self.patience()
    }

    /// How long an answer is waited for.
    pub(super) fn patience(&self) -> Duration {
        let (longest, known) = (self.longest(), !self.heard.is_empty());
        let (times, least) = if known || self.refused_at().is_some() {
            (2, Duration::from_millis(200))
        } else {
            (3, Duration::from_secs(1))
        };
        (longest * times).clamp(least, Duration::from_secs(5))
    }

    /// Before an ask that must be told from the one before by its answer.
    fn pause(&self) -> Duration {
        let pause = self.longest() * 3 / 2 + Duration::from_millis(5);
        pause.min(Duration::from_secs(1))
    }

    /// Everybody who ever answered has answered in this round, and the end is
    /// known.
    fn all_answered(&self) -> bool {
        let asks = self.ledger.all();
        let in_round = |asked: &&Asked| asked.round == self.round && asked.ask.size.is_none();
        let end = match (self.heard.is_empty(), self.refused_at()) {
            (true, None) => return false,
            (true, Some(refused)) => refused,
            (false, _) if !self.heard.iter().any(|one| one.round == self.round) => return false,
            (false, _) => picture::distance(self) - 1,
        };
        let quiet = |ttl: u8| {
            let before = |asked: &&Asked| asked.ask.ttl == ttl && asked.round < self.round;
            let mut earlier = asks.iter().filter(before).peekable();
            earlier.peek().is_some() && earlier.all(|asked| asked.answer.is_none())
        };
        asks.iter()
            .filter(in_round)
            .filter(|asked| asked.ask.ttl <= end)
            .all(|asked| asked.answer.is_some() || quiet(asked.ask.ttl))
    }

    fn full_until(&self, size: u16) -> Duration {
        let open = self.ledger.all().iter().any(|asked| {
            asked.ask.size == Some(size)
                && asked.answer.is_none()
                && !(full::is_peers(self, asked) && full::peer_answered(self, size))
        });
        if open {
            self.last_sent + self.patience()
        } else {
            Duration::ZERO
        }
    }
}
