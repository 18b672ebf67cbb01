//! The asks that were sent, and what came of each.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Ask, Flow, Said, What};

/// Numbers below the acknowledged that asks lie at: as many as asks can be out at
/// once, and no further below than any peer's window.
const PLACES: u32 = 1_024;

/// The first of them. One below is the kernel's own keepalive.
const FIRST: u32 = 2;

/// An ask that was sent.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) ask: Ask,
    pub(super) round: u32,
    /// When, by the clock of the run.
    pub(super) sent: Duration,
    /// When, by the kernel that saw it going out.
    pub(super) seen: Option<Duration>,
    pub(super) answer: Option<Answer>,
}

/// A router's answer to an ask.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) from: IpAddr,
    pub(super) what: What,
    pub(super) rtt: Option<Duration>,
    /// The addresses that the ask had there, where they are not its own: a NAT
    /// has translated it.
    pub(super) translated: Option<Flow>,
    /// Hops it had left.
    pub(super) hops_left: u8,
    pub(super) labels: Vec<u32>,
}

/// All asks, and the way from a quote to one.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    asks: Vec<Asked>,
    by_seq: BTreeMap<u32, usize>,
    by_id: BTreeMap<u16, usize>,
    id: u16,
}

impl Ledger {
    /// `chance` lets two traces differ in their identifications.
    pub(super) fn new(chance: u16) -> Self {
        Self {
            id: chance,
            ..Self::default()
        }
    }

    pub(super) fn all(&self) -> &[Asked] {
        &self.asks
    }

    /// The ask that comes next.
    pub(super) fn make(&mut self, ttl: u8, size: Option<u16>) -> Ask {
        let number = self.asks.len() as u32;
        // 0 would let the kernel choose.
        self.id = self.id.wrapping_add(1).max(1);
        Ask {
            number,
            ttl,
            id: self.id,
            below: FIRST + number % PLACES,
            size,
        }
    }

    /// An ask was sent with this number.
    pub(super) fn sent(&mut self, ask: Ask, seq: u32, round: u32, now: Duration) {
        // Of those with one number, which only many rounds make, the latest.
        self.by_seq.insert(seq, self.asks.len());
        self.by_id.insert(ask.id, self.asks.len());
        self.asks.push(Asked {
            ask,
            round,
            sent: now,
            seen: None,
            answer: None,
        });
    }

    /// The ask with this sequence number was seen going out.
    pub(super) fn seen(&mut self, seq: u32, at: Duration) -> bool {
        let found = self
            .by_seq
            .get(&seq)
            .and_then(|&nth| self.asks.get_mut(nth));
        match found {
            Some(asked) => {
                asked.seen.get_or_insert(at);
                true
            }
            None => false,
        }
    }

    /// An error came at `at`; returns the ask it is about, if it is new.
    pub(super) fn said(&mut self, own: &Flow, at: Duration, said: &Said) -> Option<&Asked> {
        let nth = self.find(own, said)?;
        let asked = self.asks.get_mut(nth)?;
        if asked.answer.is_some() {
            return None;
        }
        asked.answer = Some(Answer {
            from: said.from,
            what: said.what,
            rtt: asked.seen.map(|seen| at.saturating_sub(seen)),
            translated: (said.flow != *own).then_some(said.flow),
            hops_left: said.hops_left,
            labels: said.labels.clone(),
        });
        Some(asked)
    }

    /// By its sequence number, which everybody quotes. Addresses may have been
    /// translated on the way, one side of them at least by no more than a NAT
    /// does; numbers too (firewalls that make them unforeseeable): then, over
    /// IPv4, the packet's identification is left.
    fn find(&self, own: &Flow, said: &Said) -> Option<usize> {
        let (quoted, exact) = (&said.flow, said.flow == *own);
        let half = quoted.local == own.local
            || quoted.remote == own.remote
            || quoted.local.ip() == own.local.ip()
            || quoted.remote.ip() == own.remote.ip();
        let same_id = |nth: &usize| {
            self.asks
                .get(*nth)
                .is_some_and(|asked| asked.ask.id == said.id)
        };
        let by_seq = self.by_seq.get(&said.seq).copied();
        if exact && by_seq.is_some() {
            return by_seq;
        }
        // IPv6 has no identification.
        let six = own.remote.is_ipv6();
        if half && let Some(nth) = by_seq.filter(|nth| six || same_id(nth)) {
            return Some(nth);
        }
        if exact && !six {
            return self.by_id.get(&said.id).copied();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(local: &str, remote: &str) -> Flow {
        Flow {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        }
    }

    fn own() -> Flow {
        flow("10.0.0.1:7000", "10.0.9.2:5000")
    }

    fn said(flow: Flow, seq: u32, id: u16) -> Said {
        Said {
            from: "10.0.1.1".parse().unwrap(),
            what: What::TimeExceeded,
            flow,
            seq,
            id,
            hops_left: 1,
            labels: Vec::new(),
        }
    }

    const MS: Duration = Duration::from_millis(1);

    fn ledger(asks: u32) -> Ledger {
        let mut ledger = Ledger::new(u16::MAX - 2);
        for nth in 0..asks {
            let ask = ledger.make(nth as u8 + 1, None);
            ledger.sent(ask, 9_000 - ask.below, 1, MS);
        }
        ledger
    }

    #[test]
    fn every_ask_has_its_own_place_below_the_keepalives_and_an_identification() {
        let ledger = ledger(5);
        let ids: Vec<u16> = ledger.all().iter().map(|asked| asked.ask.id).collect();
        assert_eq!(ids, [u16::MAX - 1, u16::MAX, 1, 2, 3]);
        let below: Vec<u32> = ledger.all().iter().map(|asked| asked.ask.below).collect();
        assert_eq!(below, [2, 3, 4, 5, 6]);
    }

    #[test]
    fn places_come_again_and_the_latest_ask_is_meant() {
        let mut ledger = Ledger::new(0);
        for nth in 0..=PLACES {
            let ask = ledger.make(1, None);
            ledger.sent(ask, 9_000 - ask.below, nth, MS);
        }
        let found = ledger.said(&own(), MS, &said(own(), 8_998, 0)).unwrap();
        assert_eq!(found.round, PLACES);
    }

    #[test]
    fn a_quote_leads_to_its_ask_once() {
        let mut ledger = ledger(3);
        assert!(ledger.seen(8_997, 5 * MS));
        assert!(!ledger.seen(8_000, 5 * MS));
        let quote = said(own(), 8_997, 7);
        let asked = ledger.said(&own(), 9 * MS, &quote).unwrap();
        assert_eq!(asked.ask.ttl, 2);
        let answer = asked.answer.clone().unwrap();
        assert_eq!((answer.rtt, answer.translated), (Some(4 * MS), None));
        assert!(ledger.said(&own(), 9 * MS, &quote).is_none());
        // Somebody else's.
        assert!(ledger.said(&own(), MS, &said(own(), 8_000, 0)).is_none());
    }

    #[test]
    fn a_quote_behind_a_nat_is_known_by_number_and_identification() {
        let ours = ledger(3).all()[2].ask.id;
        let nat = flow("198.51.100.1:41000", "10.0.9.2:5000");
        let balancer = flow("10.0.0.1:7000", "10.0.77.4:8080");
        let both = flow("198.51.100.1:41000", "10.0.77.4:8080");
        for (translated, id, known) in [
            (nat, ours, true),
            (balancer, ours, true),
            (nat, ours + 1, false),
            (both, ours, false),
        ] {
            let mut ledger = ledger(3);
            let found = ledger.said(&own(), MS, &said(translated, 8_996, id));
            assert_eq!(found.is_some(), known, "{translated:?} {id}");
            if let Some(asked) = found {
                let answer = asked.answer.clone().unwrap();
                assert_eq!(answer.translated, Some(translated));
            }
        }
    }

    #[test]
    fn a_number_that_was_changed_on_the_way_leaves_the_identification() {
        let ours = ledger(3).all()[1].ask.id;
        let mut four = ledger(3);
        let found = four.said(&own(), MS, &said(own(), 77, ours)).unwrap();
        assert_eq!(found.ask.ttl, 2);
        let six = flow("[fd00::1]:7000", "[fd00::2]:5000");
        assert!(ledger(3).said(&six, MS, &said(six, 77, ours)).is_none());
        assert!(ledger(3).said(&six, MS, &said(six, 8_997, 0)).is_some());
    }
}
