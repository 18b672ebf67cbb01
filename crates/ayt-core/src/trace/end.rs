//! Where the path ends.

use std::net::IpAddr;
use std::time::Duration;

use super::picture::{distance, distance_is_sure, hops_taken, is_open, latest};
use super::run::Trace;
use super::{Heard, What};

/// A place on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Hops from here.
    pub hop: u8,
    /// Who answers there.
    pub address: IpAddr,
}

/// Where a path ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Not known yet: answers may still come.
    Open,
    /// At the peer, whose kernel knows the connection.
    Answers {
        /// How far it is.
        hop: u8,
        /// That is sure; else it may be some hops nearer or farther.
        sure: bool,
    },
    /// RST in the peer's name: nobody there knows the connection.
    Reset {
        /// So many hops are needed to draw it.
        hop: u8,
        /// That is sure.
        sure: bool,
        /// As the hops that it had left tell, it was sent nearer than that, by
        /// somebody on the way.
        nearer: Option<u8>,
    },
    /// A router says that it will not, or cannot, carry it on.
    Refused {
        /// So many hops are needed to draw the refusal.
        hop: u8,
        /// Who says it.
        by: IpAddr,
        /// Where it answered as a hop of the path.
        at: Option<u8>,
        /// ICMP code.
        code: u8,
    },
    /// The same routers pass it around.
    Loop {
        /// The hop where it begins.
        hop: u8,
        /// Those that do, in the order of the path.
        routers: Vec<IpAddr>,
    },
    /// Nothing comes back from beyond.
    Swallowed {
        /// The last hop that answers; none at all where not even the first does.
        last: Option<Place>,
        /// Asks that went farther, none of them answered.
        asks: u32,
    },
}

pub(super) fn of(trace: &Trace, now: Duration, last: bool) -> End {
    let refused = trace.refused_at();
    if let Some(one) = latest(trace) {
        let (hop, sure) = (distance(trace), distance_is_sure(trace));
        return match one.heard {
            Heard::Reset => End::Reset {
                hop,
                sure,
                nearer: Some(hops_taken(one.hops_left)).filter(|taken| *taken < hop),
            },
            Heard::Answer | Heard::Acknowledges | Heard::Other => End::Answers { hop, sure },
        };
    }
    if let Some(hop) = refused
        && let Some((by, code)) = refusal(trace, hop)
    {
        return End::Refused {
            hop,
            by,
            at: place_of(trace, by).filter(|at| *at <= hop),
            code,
        };
    }
    let low = trace.low();
    let beyond = || {
        let asks = trace.ledger.all().iter();
        asks.filter(|asked| asked.ask.ttl > low && asked.ask.size.is_none())
    };
    let mut open = beyond().peekable();
    if open.peek().is_none() && low < trace.settings.max_hops {
        return End::Open;
    }
    if open.any(|asked| trace.round == 1 && is_open(trace, asked, now, last)) {
        return End::Open;
    }
    if let Some(end) = looped(trace, low) {
        return end;
    }
    End::Swallowed {
        last: at(trace, low).map(|address| Place { hop: low, address }),
        asks: beyond().count() as u32,
    }
}

/// What the ask with the fewest hops that was refused was told.
fn refusal(trace: &Trace, ttl: u8) -> Option<(IpAddr, u8)> {
    let mut asks = trace.ledger.all().iter();
    asks.find_map(|asked| {
        let answer = asked.answer.as_ref().filter(|_| asked.ask.ttl == ttl)?;
        match answer.what {
            What::Unreachable(code) => Some((answer.from, code)),
            What::TimeExceeded | What::TooBig(_) => None,
        }
    })
}

/// The nearest hop at which this address answered for want of hops.
pub(super) fn place_of(trace: &Trace, address: IpAddr) -> Option<u8> {
    let asks = trace.ledger.all().iter();
    let here = asks.filter(|asked| {
        let answer = asked.answer.as_ref();
        answer.is_some_and(|answer| answer.from == address && answer.what == What::TimeExceeded)
    });
    here.map(|asked| asked.ask.ttl).min()
}

/// Who last answered at a hop for want of hops.
pub(super) fn at(trace: &Trace, ttl: u8) -> Option<IpAddr> {
    let mut asks = trace.ledger.all().iter().rev();
    asks.find_map(|asked| {
        let answer = asked.answer.as_ref().filter(|_| asked.ask.ttl == ttl)?;
        (answer.what == What::TimeExceeded).then_some(answer.from)
    })
}

/// The last hop's router was there before, and before that: it goes round.
fn looped(trace: &Trace, low: u8) -> Option<End> {
    let last = at(trace, low)?;
    let times: Vec<u8> = (1..=low)
        .filter(|ttl| at(trace, *ttl) == Some(last))
        .collect();
    let [.., before, first, _] = times[..] else {
        return None;
    };
    // One that answers for its neighbours is no loop.
    if first == before + 1 {
        return None;
    }
    let mut hop = *times.first()?;
    let round = first - before;
    // Its first turn may have begun with another one.
    while hop > 1
        && at(trace, hop - 1).is_some()
        && at(trace, hop - 1) == at(trace, hop - 1 + round)
    {
        hop -= 1;
    }
    let routers = (hop..hop + round)
        .filter_map(|ttl| at(trace, ttl))
        .collect();
    Some(End::Loop { hop, routers })
}
