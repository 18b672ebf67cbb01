//! Packets as big as the connection's own: do they get through, and if not, who
//! says so, or where do they vanish without a word?

use std::net::IpAddr;

use super::ledger::{Asked, Ledger};
use super::picture::distance;
use super::run::Trace;
use super::{End, What, end};

/// Sizes to try where a router does not say what would fit (RFC 1191 7).
const PLATEAUS: [u16; 5] = [1_492, 1_280, 1_006, 508, 296];

/// Sizes tried at most.
const TRIES: usize = 8;

/// The least that every link carries (RFC 791).
const LEAST: u32 = 68;

/// What packets of full size do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// The size that was tried first, bytes.
    pub size: u16,
    /// The largest that went as far as small ones do; `None` where none did.
    pub fits: Option<u16>,
    /// Those who said that it was too big.
    pub narrow: Vec<Narrow>,
    /// Big ones vanish beyond this hop without a word, where small ones do not
    /// (a PMTU black hole, RFC 2923 2.1); 0 is this host.
    pub vanish_beyond: Option<u8>,
}

/// A link that is too small for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Narrow {
    /// Who says so.
    pub by: IpAddr,
    /// Which hop that is, as far as can be told.
    pub hop: Option<u8>,
    /// What its next link carries, bytes; 0 where an old router does not say.
    pub mtu: u32,
}

fn of_size(ledger: &Ledger, size: u16) -> impl Iterator<Item = &Asked> {
    let asks = ledger.all().iter();
    asks.filter(move |asked| asked.ask.size == Some(size))
}

fn sizes(ledger: &Ledger) -> Vec<u16> {
    let mut sizes: Vec<u16> = ledger
        .all()
        .iter()
        .filter_map(|asked| asked.ask.size)
        .collect();
    sizes.dedup();
    sizes
}

/// The next size to try, if a router said that this one is too big.
pub(super) fn smaller(ledger: &Ledger, size: u16) -> Option<u16> {
    let told = of_size(ledger, size).filter_map(|asked| match asked.answer.as_ref()?.what {
        What::TooBig(mtu) => Some(mtu),
        What::TimeExceeded | What::Unreachable(_) => None,
    });
    let mtu = told.min()?;
    if sizes(ledger).len() >= TRIES {
        return None;
    }
    match u16::try_from(mtu) {
        Ok(next) if mtu >= LEAST && next < size => Some(next),
        // It does not say, or nonsense.
        _ => PLATEAUS.into_iter().find(|plateau| *plateau < size),
    }
}

/// It is one that must reach the peer.
pub(super) fn is_peers(trace: &Trace, asked: &Asked) -> bool {
    !trace.heard.is_empty() && asked.ask.ttl >= distance(trace)
}

pub(super) fn peer_answered(trace: &Trace, size: u16) -> bool {
    trace.heard.iter().any(|one| one.size == Some(size))
}

pub(super) fn of(trace: &Trace) -> Option<Full> {
    let ledger = &trace.ledger;
    let sizes = sizes(ledger);
    let (&first, &last) = (sizes.first()?, sizes.last()?);
    let mut narrow: Vec<Narrow> = Vec::new();
    for asked in sizes.iter().flat_map(|size| of_size(ledger, *size)) {
        let Some(answer) = &asked.answer else {
            continue;
        };
        let What::TooBig(mtu) = answer.what else {
            continue;
        };
        let same = |one: &Narrow| one.by == answer.from && one.mtu == mtu;
        if narrow.iter().any(same) {
            continue;
        }
        // Where it was quoted it had that many left, its own not yet taken.
        let counted = (asked.ask.ttl + 1).checked_sub(answer.hops_left);
        let hop = end::place_of(trace, answer.from).or(counted);
        narrow.push(Narrow {
            by: answer.from,
            hop: hop.filter(|hop| *hop > 0),
            mtu,
        });
    }
    let too_big = of_size(ledger, last).any(|asked| {
        let what = asked.answer.as_ref().map(|answer| answer.what);
        matches!(what, Some(What::TooBig(_)))
    });
    // Routers that never answer are no sign: the farthest that does decides.
    let reached = |asked: &&Asked| {
        asked.answer.is_some() || (is_peers(trace, asked) && peer_answered(trace, last))
    };
    let got = of_size(ledger, last)
        .filter(reached)
        .map(|asked| asked.ask.ttl)
        .max()
        .unwrap_or(0);
    let wanted = of_size(ledger, last).map(|asked| asked.ask.ttl).max();
    let through = wanted.is_some_and(|wanted| got >= wanted);
    Some(Full {
        size: first,
        fits: (through && !too_big).then_some(last),
        narrow,
        vanish_beyond: (!through && !too_big).then_some(got),
    })
}

impl Full {
    /// Something is wrong with them that small ones do not suffer.
    #[must_use]
    pub const fn vanish(&self) -> bool {
        self.vanish_beyond.is_some()
    }
}

impl End {
    /// The peer answers.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(self, Self::Answers { .. })
    }
}
