//! Accept queues, and which of them nothing is taken from.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::duration::Ms;
use crate::facts::{HostFacts, NsId, SecondLook, Socket};
use crate::tcp_state::TcpState;

/// Gone connections must be younger than one that still waits by this much, so
/// that the time a dump takes cannot turn their order round.
const ORDER_MARGIN_MS: u64 = 1_000;

/// The accept queue of an address: one listener, or several by SO_REUSEPORT.
#[derive(Default)]
pub(crate) struct Queue<'a> {
    /// The listeners, in the order of the facts.
    pub(crate) listeners: Vec<&'a Socket>,
    /// Who waits.
    pub(crate) waiting: Vec<&'a Socket>,
}

/// A queue of which nothing was taken between the looks.
pub(crate) struct Stuck<'a> {
    /// The listeners whose queue it is.
    pub(crate) listeners: Vec<&'a Socket>,
    /// Who waits, and for how long; the oldest first.
    pub(crate) waiting: Vec<(&'a Socket, u64)>,
}

/// All queues in which somebody waits.
pub(crate) struct Queues<'a> {
    /// By address.
    pub(crate) queues: BTreeMap<(NsId, SocketAddr), Queue<'a>>,
    /// Who waits on a listener that was not looked at.
    pub(crate) stray: Vec<&'a Socket>,
}

impl<'a> Queues<'a> {
    /// Finds them.
    pub(crate) fn of(facts: &'a HostFacts) -> Self {
        let mut queues: BTreeMap<(NsId, SocketAddr), Queue<'_>> = BTreeMap::new();
        let mut stray = Vec::new();
        for socket in facts
            .sockets
            .iter()
            .filter(|socket| socket.never_accepted())
        {
            match facts.listener_of(socket) {
                Some(listener) => {
                    let key = (listener.ns, listener.local);
                    queues.entry(key).or_default().waiting.push(socket);
                }
                None => stray.push(socket),
            }
        }
        if !queues.is_empty() {
            for listener in facts
                .sockets
                .iter()
                .filter(|one| one.state == TcpState::Listen)
            {
                if let Some(queue) = queues.get_mut(&(listener.ns, listener.local)) {
                    queue.listeners.push(listener);
                }
            }
        }
        Self { queues, stray }
    }
}

impl<'a> Queue<'a> {
    /// The same, if nothing was taken from it between the looks.
    pub(crate) fn stuck(&self, second: &SecondLook) -> Option<Stuck<'a>> {
        stuck(self, second)
    }
}

impl Stuck<'_> {
    /// Processes that hold the listeners, each once, in order.
    pub(crate) fn pids(&self, facts: &HostFacts) -> Vec<u32> {
        let mut pids: Vec<u32> = self
            .listeners
            .iter()
            .flat_map(|listener| facts.owners_of(listener))
            .map(|owner| owner.pid)
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// How long the oldest has waited, ms.
    pub(crate) fn oldest(&self) -> u64 {
        self.waiting.first().map_or(0, |&(_, ms)| ms)
    }
}

/// Whether nothing was taken from a queue between the looks.
fn stuck<'a>(queue: &Queue<'a>, second: &SecondLook) -> Option<Stuck<'a>> {
    let (still, gone): (Vec<&Socket>, Vec<&Socket>) = queue
        .waiting
        .iter()
        .partition(|socket| still_waits(socket, second));
    if still.is_empty() {
        return None;
    }
    let listeners = match queue.listeners.as_slice() {
        all if gone.is_empty() => {
            // A neighbour whose own queue is empty has done nothing wrong.
            let held: Vec<&Socket> = all
                .iter()
                .copied()
                .filter(|listener| listener.receive_queue > 0)
                .collect();
            if held.is_empty() { all.to_vec() } else { held }
        }
        [one] => {
            let age = |socket: &&Socket| socket.age_at_least_ms().unwrap_or(0);
            let head = still.iter().map(age).max()?;
            let behind = |socket: &Socket| age(&socket).saturating_add(ORDER_MARGIN_MS) <= head;
            if !gone.iter().all(|socket| behind(socket)) {
                return None;
            }
            vec![*one]
        }
        many => proved_by_counts(many, queue.waiting.len(), still.len(), second)?,
    };
    let mut waiting: Vec<(&Socket, u64)> = still
        .into_iter()
        .map(|socket| (socket, waits_ms(socket, second)))
        .collect();
    waiting.sort_by_key(|&(socket, ms)| (std::cmp::Reverse(ms), socket.cookie));
    Some(Stuck { listeners, waiting })
}

/// Listeners on one address of which the lengths of the queues prove that
/// nothing was taken: even if every other one kept as much as it could, as many
/// connections are left over as this one had.
fn proved_by_counts<'a>(
    listeners: &[&'a Socket],
    waiting: usize,
    still: usize,
    second: &SecondLook,
) -> Option<Vec<&'a Socket>> {
    let first_length = |listener: &Socket| u64::from(listener.receive_queue);
    let kept_at_most = |listener: &Socket| {
        let now = second.sockets.get(&listener.cookie);
        now.map_or(0, |now| u64::from(now.receive_queue))
            .min(first_length(listener))
    };
    let all_first: u64 = listeners.iter().map(|one| first_length(one)).sum();
    let all_kept: u64 = listeners.iter().map(|one| kept_at_most(one)).sum();
    if waiting as u64 > all_first {
        return None; // the lengths were read before some of the connections came
    }
    let proved: Vec<&Socket> = listeners
        .iter()
        .copied()
        .filter(|one| {
            let others = all_kept - kept_at_most(one);
            one.receive_queue > 0 && (still as u64).saturating_sub(others) >= first_length(one)
        })
        .collect();
    (!proved.is_empty()).then_some(proved)
}

/// It is still in an accept queue.
pub(crate) fn still_waits(socket: &Socket, second: &SecondLook) -> bool {
    second
        .sockets
        .get(&socket.cookie)
        .is_some_and(Socket::never_accepted)
}

/// How long a connection has waited at the second look.
fn waits_ms(socket: &Socket, second: &SecondLook) -> u64 {
    let now = second.sockets.get(&socket.cookie);
    now.and_then(Socket::age_at_least_ms).unwrap_or_else(|| {
        let first = socket.age_at_least_ms().unwrap_or(0);
        first.saturating_add(Ms::from(second.after).0)
    })
}
