//! Joins sockets and processes.

use std::collections::BTreeSet;

use ayt_core::fact::Partial;
use ayt_core::facts::{HostParts, Owner, Owners};
use ayt_core::filter::Filter;
use ayt_sys::procfs::ProcScan;
use ayt_sys::{read_process, scan_proc};
use rustc_hash::FxHashSet;

use super::Collect;

/// A pass over /proc that found fewer descriptors takes milliseconds.
const QUICK_PASS: usize = 20_000;

/// Where the tables show sockets newer than the pass over /proc, a second one
/// finds their owners. (The pass has to come before the tables of other
/// namespaces, to which it leads.) On a large host a list, which has to be
/// quick, goes without: the second pass would be outrun as well.
pub(super) fn catch_up(scan: &mut ProcScan, parts: &HostParts, at_any_cost: bool) {
    if scan.owners.len() > QUICK_PASS && !at_any_cost {
        return;
    }
    let held = parts.sockets.iter().filter(|socket| socket.inode != 0);
    let mut late: FxHashSet<u32> = held.map(|socket| socket.inode).collect();
    if late.is_empty() {
        return;
    }
    for owner in &scan.owners {
        late.remove(&owner.inode);
    }
    if late.is_empty() {
        return;
    }
    // What cannot be read now was read before: nothing is lost.
    let Ok(later) = scan_proc() else { return };
    let owners = later.owners.into_iter();
    scan.owners
        .extend(owners.filter(|owner| late.contains(&owner.inode)));
    scan.descriptors.extend(later.descriptors);
}

/// Puts owners and processes into the facts, says what is hidden, and returns
/// the descriptors on sockets that are in none of the tables (when the doctor
/// looks).
pub(super) fn attach(what: &Collect, scan: ProcScan, parts: &mut HostParts) -> Vec<Owner> {
    let mut inodes: FxHashSet<u32> =
        FxHashSet::with_capacity_and_hasher(parts.sockets.len(), rustc_hash::FxBuildHasher);
    inodes.extend(parts.sockets.iter().map(|socket| socket.inode));
    inodes.remove(&0);

    let mut owners = scan.owners;
    let mut strays = Vec::new();
    let look_at = strays_wanted(what);
    owners.retain(|owner| {
        let ours = inodes.contains(&owner.inode);
        if !ours && look_at(owner) {
            strays.push(*owner);
        }
        ours
    });
    owners.shrink_to_fit();
    for owner in &owners {
        inodes.remove(&owner.inode);
    }
    let unowned = inodes.len();
    let pids: BTreeSet<u32> = owners.iter().map(|owner| owner.pid).collect();
    parts.owners = Owners::new(owners);
    parts.processes = pids
        .into_iter()
        .filter_map(|pid| {
            let process = read_process(pid, scan.descriptors.get(&pid).copied())?;
            Some((pid, process))
        })
        .collect();
    if let Some(hidden) = hidden(unowned, &scan.hidden) {
        parts.partial.push(hidden);
    }
    // A look at named namespaces has all of them that it was asked for.
    if scan.namespaces_hidden > 0 && what.filter.namespaces.is_empty() {
        parts.partial.push(Partial {
            what: format!(
                "the network namespaces of {} processes are hidden",
                scan.namespaces_hidden
            ),
            why: "/proc/PID/ns/net may not be read".to_owned(),
            remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
        });
    }
    strays
}

/// Which descriptors on sockets of no table the doctor looks at: a dead socket
/// has no state, peer or namespace left that a filter could judge.
fn strays_wanted(what: &Collect) -> impl Fn(&Owner) -> bool + use<> {
    let pids = what.filter.pids.clone();
    let rest = Filter {
        pids: Vec::new(),
        ..what.filter.clone()
    };
    let look = what.doctor.is_some() && rest.is_empty();
    move |owner| look && (pids.is_empty() || pids.contains(&owner.pid))
}

/// Why sockets that have an inode have no visible owner. Where nothing is
/// hidden it is no gap: the kernel, io_uring or a message in flight holds them.
fn hidden(unowned: usize, processes: &[u32]) -> Option<Partial> {
    if unowned == 0 {
        return None;
    }
    let why = if let Some(first) = processes.first() {
        format!(
            "the descriptors of {} processes may not be read, such as /proc/{first}/fd",
            processes.len()
        )
    } else if proc_hides_processes() {
        "/proc is mounted with hidepid".to_owned()
    } else if in_inner_pid_namespace() {
        "their processes are outside ayt's pid namespace".to_owned()
    } else {
        return None;
    };
    Some(Partial {
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
