//! What a question needs beyond a list: the threads of the processes concerned and
//! of their children, exact keepalive settings of their connections, counters, and
//! a second look where somebody waits to be accepted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ayt_core::fact::{Fact, Partial};
use ayt_core::facts::{HostFacts, HostParts, Inside, NsId, Socket, WaitsOn};
use ayt_core::tcp_state::TcpState;
use ayt_core::why::{Case, Subject, other_end, unsettled};
use ayt_sys::{Clocks, Descriptors, monotonic_now, read_children, read_counters, read_inside};

use super::{Question, add_process};
use crate::collect::{doctor, exact, tables};
use crate::places;

/// Processes that are looked into, at most.
const PROCESSES: usize = 64;
/// Threads of one that are read, at most.
const THREADS: usize = 256;
/// Connections whose exact settings are read, at most.
const EXACT: usize = 512;
/// Between two looks at a queue whose program may merely be slow, at most: so late
/// it is seen at worst that it goes on.
const LONGEST: Duration = Duration::from_millis(500);
/// Between two looks at whether it is to stop.
const TICK: Duration = Duration::from_millis(50);

/// Adds what the question needs. `first` is when the tables had been read. Where
/// somebody waits to be accepted it looks again after `apart`, and on until it is
/// sure whether the program takes nobody or is slow.
pub(super) fn look(
    facts: HostFacts,
    subject: &Subject,
    first: Instant,
    Question { limits, apart, .. }: &Question,
    stop: &AtomicBool,
) -> HostFacts {
    let apart = *apart;
    let waiting = waiting(&facts, subject);
    let concerned = namespaces(&facts, subject);
    let settings = settings(&facts, subject);
    let pids = processes(&facts, subject);
    let mut places = places::open(&facts, &concerned);
    let mut parts = facts.into_parts();
    parts.keepalive.extend(settings);
    for (id, place) in &places {
        let counters = match place {
            Ok(place) => place
                .ns
                .enter(read_counters)
                .unwrap_or_else(|error| doctor::failed("enter a namespace", &error)),
            Err(error) => doctor::failed("enter a namespace", error),
        };
        if let Some(namespace) = parts.namespaces.get_mut(usize::from(id.0)) {
            namespace.counters = counters;
        }
    }
    let mut looks = Vec::new();
    for ns in waiting {
        if let Some(Ok(place)) = places.remove(&ns) {
            looks.push(tables::Place {
                id: ns,
                ns: place.ns,
                diag: place.diag,
            });
        }
    }
    if looks.is_empty() {
        inside(&mut parts, &pids);
        return HostFacts::new(parts);
    }
    let watched: BTreeSet<NsId> = looks.iter().map(|place| place.id).collect();
    let (partial, mut next) = (parts.partial.clone(), apart);
    loop {
        rest(first, next, stop);
        parts.second_look = Some(doctor::second_look(&mut looks, &watched, first));
        // After the look, so that a thread that blocks did so while it was made.
        parts.inside = Inside::default();
        parts.partial.clone_from(&partial);
        inside(&mut parts, &pids);
        let facts = HostFacts::new(parts);
        let case = Case::new(&facts, subject, limits, monotonic_now());
        if stop.load(Ordering::Relaxed) || !unsettled(&case) {
            return facts;
        }
        let looked = first.elapsed();
        next = looked + apart.max(looked / 4).min(LONGEST);
        parts = facts.into_parts();
    }
}

/// Waits until this long after `first`, or for a stop.
fn rest(first: Instant, until: Duration, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let left = until.saturating_sub(first.elapsed());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(TICK));
    }
}

/// Adds the threads of these processes, and of those that they wait for.
fn inside(parts: &mut HostParts, pids: &[u32]) {
    let mut left: Vec<u32> = pids.iter().rev().copied().collect();
    let mut clocks = Clocks::default();
    while let Some(pid) = left.pop() {
        if parts.inside.threads.contains_key(&pid) {
            continue;
        }
        if parts.inside.threads.len() == PROCESSES {
            let more = left.len() + 1;
            parts.partial.push(Partial {
                what: format!("the threads of {more} more processes"),
                why: format!("only those of {PROCESSES} were read"),
                remedy: "ask about one of them: `ayt why pid:PID`".to_owned(),
            });
            break;
        }
        let threads = read_inside(pid, THREADS, &mut clocks);
        let awaited = awaited(&threads);
        if !awaited.is_empty() {
            let children = read_children(pid);
            let all = awaited.contains(&None);
            let named = children
                .iter()
                .filter(|&&child| all || awaited.contains(&Some(child)));
            for &child in named {
                if !parts.processes.contains_key(&child) {
                    add_process(parts, child);
                }
                left.push(child);
            }
            parts.inside.children.insert(pid, children);
        }
        left.extend(others(parts, pid, &threads));
        parts.inside.threads.insert(pid, threads);
    }
}

/// Processes at the other ends of connections that threads of `pid` sit on, where
/// these run on this host.
fn others(parts: &HostParts, pid: u32, threads: &Fact<ayt_core::facts::Threads>) -> Vec<u32> {
    let seen = threads.known().map_or(&[] as &[_], |threads| &threads.seen);
    let fds: BTreeSet<u32> = seen
        .iter()
        .filter_map(|one| one.thread.call.known()?.as_ref()?.fd)
        .collect();
    let owners = parts.owners.all().iter();
    let on: BTreeSet<u32> = owners
        .filter(|owner| owner.pid == pid && fds.contains(&owner.fd))
        .map(|owner| owner.inode)
        .collect();
    if on.is_empty() {
        return Vec::new();
    }
    let open = |one: &&Socket| on.contains(&one.inode) && one.state != TcpState::Listen;
    let ends = parts.sockets.iter().filter(open);
    ends.filter_map(|one| other_end(&parts.sockets, one))
        .flat_map(|one| parts.owners.of(one.inode))
        .map(|owner| owner.pid)
        .collect()
}

/// The children that threads wait for; `None` among them is any child.
fn awaited(threads: &Fact<ayt_core::facts::Threads>) -> BTreeSet<Option<u32>> {
    let seen = threads.known().map_or(&[] as &[_], |threads| &threads.seen);
    let children = seen.iter().filter_map(|one| match one.waits_on {
        Fact::Known(WaitsOn::Child(child)) => Some(child),
        _ => None,
    });
    children.collect()
}

fn listeners<'f>(
    facts: &'f HostFacts,
    subject: &'f Subject,
) -> impl Iterator<Item = &'f Socket> + 'f {
    let listeners = subject.listeners.iter();
    listeners.filter_map(|&at| facts.sockets.get(at))
}

fn connections<'f>(
    facts: &'f HostFacts,
    subject: &'f Subject,
) -> impl Iterator<Item = &'f Socket> + 'f {
    let connections = subject.connections.iter();
    connections.filter_map(|&at| facts.sockets.get(at))
}

/// Namespaces in which somebody waits on a listener of the subject's: by its own
/// account, or by theirs (a dump shows listeners first, and one may have come
/// since).
fn waiting(facts: &HostFacts, subject: &Subject) -> BTreeSet<NsId> {
    let by_listener = listeners(facts, subject).filter(|one| one.receive_queue > 0);
    let by_client = connections(facts, subject).filter(|one| one.never_accepted());
    by_listener.chain(by_client).map(|one| one.ns).collect()
}

fn namespaces(facts: &HostFacts, subject: &Subject) -> BTreeSet<NsId> {
    let sockets = listeners(facts, subject).chain(connections(facts, subject));
    let of_sockets: BTreeSet<NsId> = sockets.map(|one| one.ns).collect();
    let here = subject.here.iter().copied();
    of_sockets.into_iter().chain(here).take(PROCESSES).collect()
}

/// The subject's processes, and those at the other ends of its connections that
/// something is stuck on.
fn processes(facts: &HostFacts, subject: &Subject) -> Vec<u32> {
    let mut pids = subject.pids.clone();
    let full = connections(facts, subject)
        .filter(|one| one.state != TcpState::Listen && one.send_queue > 0)
        .take(PROCESSES);
    for socket in full {
        let end = other_end(&facts.sockets, socket);
        let owners = end.map_or(&[] as &[_], |end| facts.owners_of(end));
        for owner in owners {
            if !pids.contains(&owner.pid) {
                pids.push(owner.pid);
            }
        }
    }
    pids
}

/// Exact settings of the connections concerned, the longest silent first.
fn settings(
    facts: &HostFacts,
    subject: &Subject,
) -> Vec<(
    ayt_core::facts::Cookie,
    Fact<ayt_core::keepalive::Keepalive>,
)> {
    let theirs = |socket: &&Socket| {
        let owners = facts.owners_of(socket);
        socket.state != TcpState::TimeWait
            && owners.iter().any(|owner| subject.pids.contains(&owner.pid))
    };
    let mut sockets: Vec<&Socket> = facts.sockets.iter().filter(theirs).collect();
    let heard = |socket: &&Socket| {
        let heard = socket.tcp.as_ref().map_or(0, |tcp| tcp.heard_ms());
        std::cmp::Reverse(heard)
    };
    sockets.sort_by_key(heard);
    sockets.truncate(EXACT);
    let mut descriptors = Descriptors::default();
    let ask = |socket: &Socket, descriptors: &mut Descriptors| {
        let owners = facts.owners_of(socket);
        exact::settings(descriptors, socket.cookie, owners)
    };
    sockets
        .into_iter()
        .map(|socket| (socket.cookie, ask(socket, &mut descriptors)))
        .collect()
}
