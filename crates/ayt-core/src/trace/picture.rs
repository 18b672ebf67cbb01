//! Hop by hop: who answers, how often, how fast.

use std::net::IpAddr;
use std::time::Duration;

use super::ledger::Asked;
use super::run::{HeardAt, Trace};
use super::{End, Flow, Full, Heard, What, end, full};

/// Addresses of one hop that are kept.
const ROUTERS: usize = 8;

/// What is known of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The connection.
    pub flow: Flow,
    /// Rounds begun.
    pub rounds: u32,
    /// Hops up to the last that answers.
    pub hops: Vec<Hop>,
    /// Where it ends.
    pub end: End,
    /// Segments of the peer's come in that answer nothing: the way back is open.
    pub back_open: bool,
    /// What packets of full size do; `None` where none was sent.
    pub full: Option<Full>,
    /// Nothing more will come.
    pub last: bool,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Hops from here.
    pub ttl: u8,
    /// Asks that were answered, or could have been by now.
    pub asks: u32,
    /// Of them answered.
    pub answers: u32,
    /// Asks that may still be answered.
    pub open: u32,
    /// Who answered, the most frequent first.
    pub routers: Vec<Router>,
    /// Round trips, sorted.
    pub rtts: Vec<Duration>,
    /// It is the peer.
    pub peer: bool,
    /// What its silence means.
    pub noted: Noted,
}

/// Who answered at a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// The address it answers from.
    pub address: IpAddr,
    /// How often.
    pub answers: u32,
    /// The connection's addresses as they are there, where they are others: a NAT
    /// lies before it.
    pub translated: Option<Flow>,
    /// It would not carry the ask on.
    pub refusal: Option<Refusal>,
    /// MPLS labels that asks came to it with.
    pub labels: Vec<u32>,
}

/// "Destination unreachable".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// ICMP code.
    pub code: u8,
}

/// What asks without an answer mean at a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// None, or nothing to tell.
    Nothing,
    /// It answers nothing, and later hops do: it carries all on and tells nothing.
    Silent,
    /// Later hops miss fewer: it limits its ICMP, nothing is lost there.
    Limited,
    /// Later hops miss as many: they are lost on the way there or back.
    Lost,
}

impl Hop {
    /// Asks without an answer.
    #[must_use]
    pub const fn missing(&self) -> u32 {
        self.asks.saturating_sub(self.answers)
    }

    /// The same in percent: only none is 0, only all are 100.
    #[must_use]
    pub const fn loss_percent(&self) -> u32 {
        match (self.missing(), self.answers) {
            (0, _) => 0,
            (_, 0) => 100,
            (missing, _) => match (missing * 100 + self.asks / 2) / self.asks {
                0 => 1,
                100.. => 99,
                percent => percent,
            },
        }
    }

    /// The shortest, the median and the longest round trip.
    #[must_use]
    pub fn times(&self) -> Option<(Duration, Duration, Duration)> {
        let median = *self.rtts.get(self.rtts.len() / 2)?;
        Some((*self.rtts.first()?, median, *self.rtts.last()?))
    }
}

/// How far the peer is, as far as can be told.
pub(super) fn distance(trace: &Trace) -> u8 {
    let nearest = trace.lower().saturating_add(1);
    let by_ttl = latest(trace).map_or(0, |one| hops_taken(one.hops_left));
    let most = trace.upper().unwrap_or(trace.settings.max_hops);
    nearest.max(by_ttl).min(most).max(1)
}

/// It is so far, and no farther or nearer.
pub(super) fn distance_is_sure(trace: &Trace) -> bool {
    let nearest = trace.lower().saturating_add(1);
    let by_ttl = latest(trace).map(|one| hops_taken(one.hops_left));
    // Among acknowledgements of data an answer is only likely to be one.
    let told = |one: &HeardAt| one.heard != Heard::Acknowledges;
    let quiet = trace.heard.iter().all(told);
    (quiet && trace.upper() == Some(nearest)) || by_ttl == Some(nearest)
}

pub(super) fn latest(trace: &Trace) -> Option<&HeardAt> {
    trace.heard.iter().rev().find(|one| one.size.is_none())
}

/// Hops that a packet has taken: senders begin with 64, 128 or 255.
pub(super) const fn hops_taken(left: u8) -> u8 {
    let from = match left {
        0..=64 => 64,
        65..=128 => 128,
        _ => 255,
    };
    (from - left).saturating_add(1)
}

/// Round trips to the peer.
pub(super) fn peer_rtts(trace: &Trace) -> Vec<Duration> {
    if trace.heard.is_empty() {
        return Vec::new();
    }
    let distance = distance(trace);
    let told = |one: &&HeardAt| one.size.is_none() && one.heard != Heard::Acknowledges;
    let mut rtts = Vec::new();
    let mut round = 0;
    for one in trace.heard.iter().filter(told) {
        // More than one answer is to asks with more hops.
        if std::mem::replace(&mut round, one.round) == one.round {
            continue;
        }
        let ttl = one.alone.unwrap_or(distance);
        let asked = trace.ledger.all().iter().find(|asked| {
            asked.round == one.round && asked.ask.ttl == ttl && asked.ask.size.is_none()
        });
        let rtt = asked.and_then(|asked| one.at.checked_sub(asked.seen?));
        rtts.extend(rtt);
    }
    rtts
}

pub(super) fn of(trace: &Trace, now: Duration, last: bool) -> Picture {
    let heard = latest(trace).is_some();
    let end = end::of(trace, now, last);
    let shown = match (heard, trace.refused_at()) {
        (true, _) => distance(trace),
        (false, Some(refused)) => refused.max(trace.low()),
        (false, None) => trace.low(),
    };
    let mut hops: Vec<Hop> = (1..=shown)
        .map(|ttl| {
            if heard && ttl == shown {
                peer_hop(trace, now, last, ttl)
            } else {
                router_hop(trace, now, last, ttl)
            }
        })
        .collect();
    note(&mut hops);
    Picture {
        flow: trace.flow,
        rounds: trace.round,
        hops,
        end,
        back_open: trace.back_open,
        full: full::of(trace),
        last,
    }
}

/// It may still be answered.
pub(super) fn is_open(trace: &Trace, asked: &Asked, now: Duration, last: bool) -> bool {
    !last && now < asked.sent + trace.patience()
}

fn small(trace: &Trace) -> impl Iterator<Item = &Asked> {
    let asks = trace.ledger.all().iter();
    asks.filter(|asked| asked.ask.size.is_none())
}

fn empty(ttl: u8) -> Hop {
    Hop {
        ttl,
        asks: 0,
        answers: 0,
        open: 0,
        routers: Vec::new(),
        rtts: Vec::new(),
        peer: false,
        noted: Noted::Nothing,
    }
}

fn router_hop(trace: &Trace, now: Duration, last: bool, ttl: u8) -> Hop {
    let mut hop = empty(ttl);
    for asked in small(trace).filter(|asked| asked.ask.ttl == ttl) {
        let Some(answer) = &asked.answer else {
            if is_open(trace, asked, now, last) {
                hop.open += 1;
            } else {
                hop.asks += 1;
            }
            continue;
        };
        hop.asks += 1;
        hop.answers += 1;
        hop.rtts.extend(answer.rtt);
        let refusal = match answer.what {
            What::Unreachable(code) => Some(Refusal { code }),
            What::TimeExceeded | What::TooBig(_) => None,
        };
        let known = |router: &Router| router.address == answer.from;
        if let Some(at) = hop.routers.iter().position(known) {
            let router = &mut hop.routers[at];
            router.answers += 1;
            router.refusal = refusal.or(router.refusal);
        } else if hop.routers.len() < ROUTERS {
            hop.routers.push(Router {
                address: answer.from,
                answers: 1,
                translated: answer.translated,
                refusal,
                labels: answer.labels.clone(),
            });
        }
    }
    hop.routers
        .sort_by_key(|router| std::cmp::Reverse(router.answers));
    hop.rtts.sort_unstable();
    hop
}

/// The peer answers a round, not an ask.
fn peer_hop(trace: &Trace, now: Duration, last: bool, ttl: u8) -> Hop {
    let mut hop = empty(ttl);
    hop.peer = true;
    for round in 1..=trace.round {
        let far = |asked: &&Asked| asked.round == round && asked.ask.ttl >= ttl;
        let Some(latest) = small(trace).filter(far).last() else {
            continue;
        };
        let heard = |one: &HeardAt| one.round == round && one.size.is_none();
        if trace.heard.iter().any(heard) {
            hop.asks += 1;
            hop.answers += 1;
        } else if is_open(trace, latest, now, last) {
            hop.open += 1;
        } else {
            hop.asks += 1;
        }
    }
    hop.rtts = peer_rtts(trace);
    hop.rtts.sort_unstable();
    hop.routers.push(Router {
        address: trace.flow.remote.ip(),
        answers: hop.answers,
        translated: None,
        refusal: None,
        labels: Vec::new(),
    });
    hop
}

/// Tells loss from silence: what a later hop does not miss was not lost here.
fn note(hops: &mut [Hop]) {
    let mut least: Option<u32> = None;
    for hop in hops.iter_mut().rev() {
        let loss = hop.loss_percent();
        hop.noted = match least {
            _ if loss == 0 => Noted::Nothing,
            Some(_) if hop.answers == 0 && hop.asks > 0 => Noted::Silent,
            Some(later) if later < loss => Noted::Limited,
            _ if hop.answers > 0 => Noted::Lost,
            _ => Noted::Nothing,
        };
        if hop.asks > 0 && hop.answers > 0 {
            least = Some(least.map_or(loss, |least| least.min(loss)));
        }
    }
}
