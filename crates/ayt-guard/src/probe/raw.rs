//! What the raw engine has open in one namespace, and whom its sights are about.

use std::collections::hash_map::Entry;

use ayt_core::facts::Socket;
use ayt_core::probe::Reply;
use ayt_core::probe::segment::{Flags, Segment};
use ayt_sys::wire::capture::{Captured, IcmpKind, Sight};
use ayt_sys::wire::packet::FourTuple;
use ayt_sys::wire::segment::on_the_wire;
use ayt_sys::{Netns, RawSockets, SysError};
use rustc_hash::FxHashMap;

use super::run::Item;

/// One pair of sockets for all connections of a namespace, and which item each
/// of them is, by its addresses as packets have them.
pub(super) struct Raw {
    pub(super) sockets: RawSockets,
    items: FxHashMap<FourTuple, usize>,
    /// How many of them the filter lets pass.
    watched: usize,
}

/// The addresses of a connection as its packets have them.
pub(crate) fn four_tuple(socket: &Socket) -> FourTuple {
    FourTuple {
        local: on_the_wire(socket.local),
        remote: on_the_wire(socket.remote),
    }
}

impl Raw {
    pub(super) fn open(ns: &Netns) -> Result<Self, SysError> {
        Ok(Self {
            sockets: RawSockets::open(ns)?,
            items: FxHashMap::default(),
            watched: 0,
        })
    }

    /// Watches for these items as well; returns those whose addresses another
    /// one has, too (bound to another interface): their answers could not be
    /// told apart.
    pub(super) fn watch(
        &mut self,
        items: &[Item<'_>],
        which: &[usize],
    ) -> Result<Vec<usize>, SysError> {
        let mut doubles = Vec::new();
        for &at in which {
            match self.items.entry(four_tuple(items[at].ready.socket)) {
                Entry::Vacant(free) => drop(free.insert(at)),
                Entry::Occupied(taken) if *taken.get() == at => {}
                Entry::Occupied(_) => doubles.push(at),
            }
        }
        if self.items.len() > self.watched {
            let all: Vec<FourTuple> = self.items.keys().copied().collect();
            self.sockets.watch(&all)?;
            self.watched = all.len();
        }
        Ok(doubles)
    }

    /// Tells the items what has passed since.
    pub(super) fn take_sights(&mut self, items: &mut [Item<'_>]) {
        let index = &self.items;
        self.sockets.drain(|sight| match sight.packet {
            Captured::Segment {
                from, to, segment, ..
            } => {
                let find = |local, remote| index.get(&FourTuple { local, remote }).copied();
                let (sender, receiver) = (find(from, to), find(to, from));
                tell(items, sender, receiver, &sight, &segment);
            }
            Captured::Error(error) => {
                let lost = match error.kind {
                    // Out of hops with as many as any segment has: a loop.
                    IcmpKind::Unreachable { .. } | IcmpKind::TimeExceeded => true,
                    IcmpKind::TooBig { .. } => false,
                };
                if let Some(&at) = index.get(&error.connection).filter(|_| lost) {
                    items[at].machine.on_unreachable();
                }
            }
        });
    }
}

/// Tells those at both ends, of which one may be elsewhere and both may be on
/// this host, of a segment.
fn tell(
    items: &mut [Item<'_>],
    sender: Option<usize>,
    receiver: Option<usize>,
    sight: &Sight,
    segment: &Segment,
) {
    let exchange = |at: Option<usize>| items[at?].exchange.as_ref();
    let knock = exchange(receiver).is_some_and(|exchange| exchange.is_knock(segment));
    let ask = exchange(sender).is_some_and(|exchange| exchange.is_ask(segment));
    if knock {
        return;
    }
    if let Some(item) = sender.map(|at| &mut items[at])
        && let Some(exchange) = &mut item.exchange
    {
        exchange.on_sent(sight.at, segment);
    }
    let Some(item) = receiver.filter(|_| !ask).map(|at| &mut items[at]) else {
        return;
    };
    let Some(exchange) = &item.exchange else {
        return;
    };
    match exchange.on_received(sight.at, segment) {
        Reply::Alive { rtt } => item.machine.on_answer(rtt),
        Reply::Reset => item.machine.on_refused(),
        // The kernel decides: should the connection end, it was this.
        Reply::None if segment.flags.has(Flags::RST) => item.machine.on_reset(),
        Reply::None => {}
    }
}
