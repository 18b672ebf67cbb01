//! Address translation with an idle timeout, as home routers and carriers have it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::flows::Table;
use super::reset::reset_or_drop;
use super::{Stage, Verdict};
use crate::packet::rewrite::{self, End};
use crate::packet::{Direction, Flow, Packet, Side, Transport};

/// What becomes of a packet of a connection whose entry has expired, from either
/// side. A SYN from inside always makes a new entry; from outside there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// It is lost in silence: carriers, Azure.
    Silent,
    /// It is lost and its sender gets a RST: AWS' NAT gateway.
    Reset,
    /// From inside, it makes the entry again and passes, as Linux does with
    /// `nf_conntrack_tcp_loose` = 1; from outside, it is lost in silence.
    Adopt,
}

/// Lets one side (the inside) appear to the other under addresses of the NAT's own.
/// TCP, UDP, and the ICMP errors about them are translated; everything else is lost.
///
/// An entry is made by what comes from inside and lives for `timeout` after its last
/// packet of either direction. Unlike real ones it knows no shorter time for
/// connections that are being closed.
#[derive(Debug)]
pub struct Nat {
    inside: Side,
    outside: [Option<IpAddr>; 2],
    timeout: Duration,
    expiry: Expiry,
    /// By the conversation as the inside names it.
    entries: Table<Entry>,
    /// From the conversation as the outside names it.
    inner: FxHashMap<Flow, Flow>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    inner: Flow,
    outer: Flow,
}

impl Nat {
    /// Hides a side behind these addresses, IPv4 and IPv6. A wire has one of its own
    /// for this: [`Wire::router`](crate::Wire::router).
    #[must_use]
    pub fn new(
        inside: Side,
        outside: [Option<IpAddr>; 2],
        timeout: Duration,
        expiry: Expiry,
    ) -> Self {
        Self {
            inside,
            outside,
            timeout,
            expiry,
            entries: Table::default(),
            inner: FxHashMap::default(),
        }
    }

    /// Forgets every entry, as a router that restarts.
    pub fn forget(&mut self) {
        self.entries = Table::default();
        self.inner.clear();
    }

    /// The entry of a conversation as the inside names it, if it has not expired.
    fn living(&mut self, inner: Flow, now: Duration) -> Option<Entry> {
        if self.entries.quiet(inner, now)? >= self.timeout {
            let entry = self.entries.remove(inner)?;
            self.inner.remove(&entry.outer);
            return None;
        }
        self.entries.used(inner, now).copied()
    }

    fn make(&mut self, inner: Flow, now: Duration) -> Option<Entry> {
        let address = self.outside[usize::from(inner.source.is_ipv6())]?;
        let first = inner.source.port();
        // The inside's own port where it is free, else the next one that is.
        let outer = (0..=u16::MAX)
            .map(|step| Flow {
                source: SocketAddr::new(address, first.wrapping_add(step).max(1)),
                ..inner
            })
            .find(|outer| !self.is_taken(*outer, now))?;
        let entry = Entry { inner, outer };
        self.entries.insert(inner, now, entry);
        self.inner.insert(outer, inner);
        Some(entry)
    }

    fn is_taken(&mut self, outer: Flow, now: Duration) -> bool {
        let Some(inner) = self.inner.get(&outer).copied() else {
            return false;
        };
        let living = self.living(inner, now).is_some();
        if !living {
            self.inner.remove(&outer);
        }
        living
    }

    fn outbound(&mut self, now: Duration, packet: &mut Packet) -> Verdict {
        let Some(inner) = packet.summary().flow() else {
            return Verdict::Drop {
                why: "not translated",
            };
        };
        let opens = packet
            .tcp()
            .is_none_or(|tcp| tcp.flags.syn && !tcp.flags.ack);
        let adopts = self.expiry == Expiry::Adopt && packet.tcp().is_some_and(|tcp| !tcp.flags.rst);
        let entry = match self.living(inner, now) {
            Some(entry) => Some(entry),
            None if opens || adopts => self.make(inner, now),
            None => None,
        };
        let Some(entry) = entry else {
            return self.unknown(packet);
        };
        translated(packet, |bytes| {
            rewrite::address(bytes, End::Source, entry.outer.source)
        })
    }

    fn inbound(&mut self, now: Duration, packet: &mut Packet) -> Verdict {
        if packet.summary().is_icmp_error() {
            let quoted = rewrite::quoted(packet.bytes());
            let inner = quoted.and_then(|outer| self.inner.get(&outer).copied());
            // An error is no sign of life: the entry is not refreshed.
            let Some(inner) = inner else {
                return Verdict::Drop { why: "no entry" };
            };
            return translated(packet, |bytes| rewrite::error(bytes, inner.source));
        }
        let outer = packet.summary().flow().map(Flow::back);
        let inner = outer.and_then(|outer| self.inner.get(&outer).copied());
        let Some(entry) = inner.and_then(|inner| self.living(inner, now)) else {
            return self.unknown(packet);
        };
        translated(packet, |bytes| {
            rewrite::address(bytes, End::Destination, entry.inner.source)
        })
    }

    fn unknown(&self, packet: &Packet) -> Verdict {
        match (self.expiry, packet.summary().transport) {
            (Expiry::Reset, Transport::Tcp(_)) => reset_or_drop(packet, "no entry"),
            _ => Verdict::Drop { why: "no entry" },
        }
    }
}

fn translated(packet: &mut Packet, change: impl FnOnce(&mut [u8]) -> bool) -> Verdict {
    let mut done = false;
    packet.change(|bytes| done = change(bytes));
    if done {
        Verdict::Pass
    } else {
        Verdict::Drop {
            why: "not translated",
        }
    }
}

impl Stage for Nat {
    fn name(&self) -> &'static str {
        "nat"
    }

    fn pass(&mut self, now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        if direction.sender() == self.inside {
            self.outbound(now, packet)
        } else {
            self.inbound(now, packet)
        }
    }
}

#[cfg(test)]
mod tests;
