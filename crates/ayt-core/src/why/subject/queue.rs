//! Who asks about a client that nobody has accepted asks about the listener in whose
//! queue it waits. So does who asks from the client's side, where both ends lie on
//! this host.

use rustc_hash::FxHashMap;

use super::{Look, Subject};
use crate::doctor::group::canonical;
use crate::facts::{NsId, Socket};

impl Look<'_> {
    /// Adds the listeners that these connections wait for, where the subject has none
    /// of its own, and who holds them.
    pub(super) fn with_queues(&self, mut subject: Subject) -> Subject {
        if !subject.listeners.is_empty() || subject.connections.is_empty() {
            return subject;
        }
        // By both ends: a look at each other socket for each would take long.
        let sockets = self.facts.sockets.iter();
        let waiting: FxHashMap<_, &Socket> = sockets
            .filter(|socket| socket.never_accepted())
            .map(|socket| {
                let ends = (canonical(socket.local), canonical(socket.remote));
                ((place(socket), ends), socket)
            })
            .collect();
        let queues = subject.connections.iter().filter_map(|&at| {
            let socket = self.facts.sockets.get(at)?;
            let ends = (canonical(socket.remote), canonical(socket.local));
            let waits = match socket.never_accepted() {
                true => socket,
                false => waiting.get(&(place(socket), ends))?,
            };
            Some(self.facts.listener_of(waits)?.cookie)
        });
        let queues: Vec<_> = queues.collect();
        if queues.is_empty() {
            return subject;
        }
        subject.listeners = self.all(|socket| queues.contains(&socket.cookie));
        subject.pids.extend(self.holders(&subject.listeners));
        subject.pids.sort_unstable();
        subject.pids.dedup();
        subject
    }
}

/// Where both ends of it lie: a loopback address means another thing in each
/// namespace.
fn place(socket: &Socket) -> Option<NsId> {
    let loopback = canonical(socket.remote).ip().is_loopback();
    loopback.then_some(socket.ns)
}
