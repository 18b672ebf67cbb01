//! What the doctor needs beyond a list: counters, a second look at accept
//! queues, blocked threads, descriptors of ended connections.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ayt_core::fact::{Fact, Partial, Why};
use ayt_core::facts::{DeadHeld, HostFacts, HostParts, NsId, Owner, SecondLook, Socket};
use ayt_core::tcp_state::TcpState;
use ayt_sys::wire::request::state_mask;
use ayt_sys::{Descriptors, SysError, read_counters, read_process, read_threads};

use super::owners::Strays;
use super::tables::{self, Places};

/// Processes whose threads are read, at most: a bound on the work, far above
/// what a sick host shows.
const PROCESSES: usize = 256;

/// Adds the doctor's facts. `first` is when the tables had been read.
pub(super) fn look_closer(
    facts: HostFacts,
    places: &mut Places,
    strays: &Strays,
    first: Instant,
    apart: Duration,
) -> HostFacts {
    let waiting = waiting(&facts);
    let readers = slow_readers(&facts);
    let acceptors = acceptors(&facts);
    let mut parts = facts.into_parts();
    for place in places.iter() {
        let counters = place
            .ns
            .enter(read_counters)
            .unwrap_or_else(|error| failed("enter a namespace", &error));
        if let Some(namespace) = parts.namespaces.get_mut(usize::from(place.id.0)) {
            namespace.counters = counters;
        }
    }
    if let Some(owners) = &strays.owners {
        let dead = dead_held(owners, &mut parts.partial);
        let holders = dead.known().into_iter().flatten();
        for pid in holders.map(|held| held.owner.pid) {
            if let Entry::Vacant(unknown) = parts.processes.entry(pid) {
                let descriptors = strays.descriptors.get(&pid).copied();
                if let Some(process) = read_process(pid, descriptors) {
                    unknown.insert(process);
                }
            }
        }
        parts.dead_held = Some(dead);
    }
    if !waiting.is_empty() {
        std::thread::sleep(apart.saturating_sub(first.elapsed()));
        parts.second_look = Some(second_look(places, &waiting, first));
    }
    read_all_threads(&mut parts, acceptors.into_iter().chain(readers));
    HostFacts::new(parts)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver of the second look: it tells the rules how far apart the looks were"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Namespaces in which connections wait to be accepted.
fn waiting(facts: &HostFacts) -> BTreeSet<NsId> {
    facts
        .sockets
        .iter()
        .filter(|socket| {
            socket.never_accepted()
                || (socket.state == TcpState::Listen && socket.receive_queue > 0)
        })
        .map(|socket| socket.ns)
        .collect()
}

/// Processes that should accept: they hold a listener on which connections wait,
/// by its own account or by theirs (a dump shows listeners first, and a
/// connection may have come since).
fn acceptors(facts: &HostFacts) -> BTreeSet<u32> {
    let waiting = facts.sockets.iter().filter(|one| one.never_accepted());
    let awaited: BTreeSet<(NsId, SocketAddr)> = waiting
        .filter_map(|one| facts.listener_of(one))
        .map(|listener| (listener.ns, listener.local))
        .collect();
    let listeners = facts.sockets.iter().filter(|socket| {
        socket.state == TcpState::Listen
            && (socket.receive_queue > 0 || awaited.contains(&(socket.ns, socket.local)))
    });
    listeners
        .flat_map(|socket| facts.owners_of(socket))
        .map(|owner| owner.pid)
        .collect()
}

fn slow_readers(facts: &HostFacts) -> BTreeSet<u32> {
    facts
        .sockets
        .iter()
        .filter(|socket| socket.state != TcpState::Listen && socket.receive_queue > 0)
        .filter(|socket| socket.tcp.is_some_and(|tcp| tcp.last_data_recv_ms >= 1_000))
        .flat_map(|socket| facts.owners_of(socket))
        .map(|owner| owner.pid)
        .collect()
}

fn read_all_threads(parts: &mut HostParts, pids: impl Iterator<Item = u32>) {
    for pid in pids.take(PROCESSES) {
        parts
            .threads
            .entry(pid)
            .or_insert_with(|| read_threads(pid));
    }
}

pub(crate) fn second_look(
    places: &mut Places,
    waiting: &BTreeSet<NsId>,
    first: Instant,
) -> SecondLook {
    let states = state_mask(&[TcpState::Listen, TcpState::Established, TcpState::CloseWait]);
    let mut look = SecondLook {
        after: first.elapsed(),
        ..SecondLook::default()
    };
    for place in places
        .iter_mut()
        .filter(|place| waiting.contains(&place.id))
    {
        let mut sockets: Vec<Socket> = Vec::new();
        let wanted = |socket: &Socket| socket.state == TcpState::Listen || socket.never_accepted();
        // A look that fails shows nothing waiting any more: nobody is accused.
        if tables::dump(place, states, &mut sockets, wanted).is_ok() {
            look.sockets
                .extend(sockets.into_iter().map(|socket| (socket.cookie, socket)));
        }
        if let Ok(Fact::Known(counters)) = place.ns.enter(read_counters) {
            look.counters.insert(place.id, counters);
        }
    }
    look
}

/// Looks through each descriptor whose socket is in no TCP table: most are of
/// other protocols or were never connected; some are ends of dead connections.
/// `Unknown` where not one of them could be looked at.
fn dead_held(strays: &[Owner], partial: &mut Vec<Partial>) -> Fact<Vec<DeadHeld>> {
    let mut descriptors = Descriptors::default();
    let (mut dead, mut seen) = (Vec::new(), 0usize);
    let mut refused: Vec<Why> = Vec::new();
    for owner in strays {
        match inspect(&mut descriptors, owner) {
            Ok(held) => {
                dead.extend(held);
                seen += 1;
            }
            Err(error) if error.is_refused() || error.is_unknown_call() => {
                refused.push(super::exact::why(owner, &error));
            }
            // Gone, or no socket any more: nothing is held.
            Err(_) => {}
        }
    }
    let count = refused.len();
    match refused.into_iter().next() {
        Some(first) if seen == 0 => return Fact::Unknown(first),
        Some(first) => partial.push(Partial {
            what: format!(
                "whether {count} descriptor{} on sockets of no table held connections",
                if count == 1 { "" } else { "s" }
            ),
            why: first.to_string(),
            remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
        }),
        None => {}
    }
    Fact::Known(dead)
}

fn inspect(descriptors: &mut Descriptors, owner: &Owner) -> Result<Option<DeadHeld>, SysError> {
    let hold = descriptors.hold(owner)?;
    if !hold.is_tcp() {
        return Ok(None);
    }
    let (state, info) = hold.tcp_info()?;
    // A socket that has received nothing was never connected.
    if state != TcpState::Closed || info.segs_in.unwrap_or_default() == 0 {
        return Ok(None);
    }
    Ok(Some(DeadHeld {
        owner: *owner,
        local: hold.local_address(),
        error_waiting: hold.error_waiting(),
    }))
}

pub(crate) fn failed<T>(operation: &str, error: &SysError) -> Fact<T> {
    Fact::Unknown(Why::Failed {
        operation: operation.to_owned(),
        error: error.to_string(),
    })
}
