//! Joins sockets and processes.

use std::collections::{BTreeMap, BTreeSet};

use ayt_core::fact::Partial;
use ayt_core::facts::{HostParts, NsId, Owner, Owners, Socket};
use ayt_core::filter::Filter;
use ayt_core::tcp_state::TcpState;
use ayt_sys::procfs::ProcScan;
use ayt_sys::wire::request::state_mask;
use ayt_sys::{read_process, scan_proc};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Collect;
use super::tables::{self, Places};

/// Descriptors on sockets that are in none of the tables.
pub(super) struct Strays {
    /// The descriptors; `None` where a filter leaves them out.
    pub(super) owners: Option<Vec<Owner>>,
    /// Open descriptors of the processes that hold sockets.
    pub(super) descriptors: BTreeMap<u32, u32>,
}

/// A pass over /proc that found fewer descriptors takes milliseconds.
const QUICK_PASS: usize = 20_000;

/// Where the tables show sockets newer than the pass over /proc, a second one
/// finds their owners. (The pass has to come before the tables of other
/// namespaces, to which it leads.) A list has to be quick, and goes without on
/// a large host, where the second pass would be outrun as well, and where many
/// sockets are without owners and processes are hidden: they are theirs then.
pub(super) fn catch_up(scan: &mut ProcScan, parts: &HostParts, at_any_cost: bool) {
    if !at_any_cost && scan.owners.len() > QUICK_PASS {
        return;
    }
    // The table of ayt's own namespace, the first, is read before the pass.
    let held = parts
        .sockets
        .iter()
        .filter(|socket| socket.inode != 0 && socket.ns != NsId(0));
    let mut late: FxHashSet<u32> = held.map(|socket| socket.inode).collect();
    for owner in &scan.owners {
        late.remove(&owner.inode);
    }
    let theirs = !scan.hidden.is_empty() && late.len() > FEW;
    if late.is_empty() || (theirs && !at_any_cost) {
        return;
    }
    // What cannot be read now was read before: nothing is lost.
    let Ok(later) = scan_proc() else { return };
    let holds_late = |owner: &&Owner| late.contains(&owner.inode);
    let holders = later.owners.iter().filter(holds_late);
    let holders: FxHashSet<u32> = holders.map(|owner| owner.pid).collect();
    // All descriptors of a process from one pass: else a child forked in between
    // would hold the new connection and not the listener.
    scan.owners.retain(|owner| !holders.contains(&owner.pid));
    let owners = later.owners.into_iter();
    scan.owners
        .extend(owners.filter(|owner| holders.contains(&owner.pid)));
    scan.descriptors.extend(later.descriptors);
}

/// Puts owners and processes into the facts, says what is hidden, and returns
/// the descriptors on sockets that are in none of the tables (when the doctor
/// looks).
pub(super) fn attach(
    what: &Collect,
    scan: ProcScan,
    places: &mut Places,
    parts: &mut HostParts,
) -> Strays {
    let mut inodes: FxHashSet<u32> =
        FxHashSet::with_capacity_and_hasher(parts.sockets.len(), rustc_hash::FxBuildHasher);
    inodes.extend(parts.sockets.iter().map(|socket| socket.inode));
    inodes.remove(&0);

    let mut owners = scan.owners;
    let mut strays = Vec::new();
    let wanted = strays_wanted(what);
    owners.retain(|owner| {
        let ours = inodes.contains(&owner.inode);
        if !ours && wanted {
            strays.push(*owner);
        }
        ours
    });
    if wanted {
        keep_strays(what, parts, &mut strays);
    }
    owners.shrink_to_fit();
    for owner in &owners {
        inodes.remove(&owner.inode);
    }
    // Whoever asks for processes that were seen misses nothing of others.
    let pids = &what.filter.pids;
    let seen = |pid: &u32| scan.descriptors.contains_key(pid) && !scan.hidden.contains(pid);
    let all_seen = !pids.is_empty() && pids.iter().all(seen);
    if !all_seen
        && !inodes.is_empty()
        && let Some(why) = why_hidden(&scan.hidden)
    {
        if inodes.len() <= FEW {
            leave_out_gone(places, parts, &mut inodes);
        }
        parts.partial.extend(hidden(inodes.len(), why));
    }
    let pids: BTreeSet<u32> = owners.iter().map(|owner| owner.pid).collect();
    parts.owners = Owners::new(owners);
    parts.processes = pids
        .into_iter()
        .filter_map(|pid| {
            let process = read_process(pid, scan.descriptors.get(&pid).copied())?;
            Some((pid, process))
        })
        .collect();
    // A look at named namespaces has all of them that it was asked for.
    let whole = all_seen || !what.filter.namespaces.is_empty();
    if scan.namespaces_hidden > 0 && !whole {
        parts.partial.push(Partial {
            what: match scan.namespaces_hidden {
                1 => "the network namespace of 1 process is hidden".to_owned(),
                n => format!("the network namespaces of {n} processes are hidden"),
            },
            why: "/proc/PID/ns/net may not be read".to_owned(),
            remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
        });
    }
    Strays {
        owners: wanted.then_some(strays),
        descriptors: scan.descriptors,
    }
}

/// Whether the doctor looks at descriptors on sockets of no table: a dead socket
/// has no state or peer left that a filter could judge, only its holder.
fn strays_wanted(what: &Collect) -> bool {
    let rest = Filter {
        pids: Vec::new(),
        commands: Vec::new(),
        namespaces: Vec::new(),
        ..what.filter.clone()
    };
    what.doctor.is_some() && rest.is_empty()
}

/// Leaves out the descriptors of processes that the filter leaves out. A dead
/// socket counts to the namespace that its holder is in.
fn keep_strays(what: &Collect, parts: &HostParts, strays: &mut Vec<Owner>) {
    let filter = &what.filter;
    if filter.is_empty() {
        return;
    }
    let mut judged: FxHashMap<u32, bool> = FxHashMap::default();
    let name_of = |inode: u64| {
        let found = parts.namespaces.iter().find(|ns| ns.inode == inode);
        found.map_or("", |ns| ns.name.as_str())
    };
    strays.retain(|owner| {
        *judged.entry(owner.pid).or_insert_with(|| {
            if !filter.pids.is_empty() && !filter.pids.contains(&owner.pid) {
                return false;
            }
            let Some(process) = read_process(owner.pid, None) else {
                return false;
            };
            let named = filter.commands.is_empty()
                || filter
                    .commands
                    .iter()
                    .any(|wanted| process.command.contains(wanted.as_str()));
            let inside = filter.namespaces.is_empty()
                || process
                    .netns
                    .known()
                    .is_some_and(|&inode| filter.wants_namespace(name_of(inode), inode));
            named && inside
        })
    });
}

/// So few sockets without an owner may be mere coming and going between the
/// readings of the two sides, and a second reading of the tables is cheap.
const FEW: usize = 4_096;

/// Leaves those out that have gone since the tables were read.
fn leave_out_gone(places: &mut Places, parts: &HostParts, unowned: &mut FxHashSet<u32>) {
    let concerned: BTreeSet<NsId> = parts
        .sockets
        .iter()
        .filter(|socket| unowned.contains(&socket.inode))
        .map(|socket| socket.ns)
        .collect();
    // No descriptor leads to one in TIME_WAIT, and there may be many.
    let mut holdable = TcpState::ALL.to_vec();
    holdable.retain(|&state| state != TcpState::TimeWait);
    let mut left = Vec::new();
    for place in places
        .iter_mut()
        .filter(|place| concerned.contains(&place.id))
    {
        let held = |socket: &Socket| unowned.contains(&socket.inode);
        if tables::dump(place, state_mask(&holdable), &mut left, held).is_err() {
            return;
        }
    }
    let left: FxHashSet<u32> = left.iter().map(|socket| socket.inode).collect();
    unowned.retain(|inode| left.contains(inode));
}

/// Why sockets that have an inode have no visible owner. Where nothing is
/// hidden it is no gap: the kernel, io_uring or a message in flight holds them.
fn why_hidden(processes: &[u32]) -> Option<String> {
    Some(if let Some(first) = processes.first() {
        format!(
            "the descriptors of {} process{} may not be read, such as /proc/{first}/fd",
            processes.len(),
            if processes.len() == 1 { "" } else { "es" }
        )
    } else if proc_hides_processes() {
        "/proc is mounted with hidepid".to_owned()
    } else if in_inner_pid_namespace() {
        "their processes are outside ayt's pid namespace".to_owned()
    } else {
        return None;
    })
}

fn hidden(unowned: usize, why: String) -> Option<Partial> {
    (unowned > 0).then(|| Partial {
        what: format!(
            "owners of {unowned} socket{} hidden",
            if unowned == 1 { " are" } else { "s are" }
        ),
        why,
        remedy: "run as root on the host, or grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
            .to_owned(),
    })
}

fn proc_hides_processes() -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().any(|line| {
        line.contains(" /proc ")
            && line
                .split("hidepid=")
                .nth(1)
                .is_some_and(|value| !value.starts_with('0') && !value.starts_with("off"))
    })
}

fn in_inner_pid_namespace() -> bool {
    // PROC_PID_INIT_INO, include/linux/proc_ns.h.
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link.as_os_str() != "pid:[4026531836]")
}
