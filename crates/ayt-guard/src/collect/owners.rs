//! Joins sockets and processes.

use std::collections::BTreeSet;

use ayt_core::fact::Partial;
use ayt_core::facts::{HostParts, Owner, Owners, Socket};
use ayt_core::filter::Filter;
use ayt_sys::procfs::ProcScan;
use ayt_sys::{read_process, scan_proc};
use rustc_hash::FxHashSet;

use super::Collect;

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
                "the network namespace{} of {} hidden",
                if scan.namespaces_hidden == 1 { "" } else { "s" },
                count(scan.namespaces_hidden, "process is", "processes are"),
            ),
            why: "/proc/PID/ns/net may not be read".to_owned(),
            remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
        });
    }
    strays
}

/// A pass of fewer descriptors than this takes milliseconds.
const QUICK_PASS: usize = 20_000;

/// Takes the pass over /proc again where sockets were made since: they are in
/// the tables, and their owners are not in the pass. On a large host the second
/// pass would be outrun as well, and is not worth its time.
pub(super) fn again_if_outrun(scan: ProcScan, sockets: &[Socket]) -> ProcScan {
    let seen: FxHashSet<u32> = scan.owners.iter().map(|owner| owner.inode).collect();
    let outrun = sockets
        .iter()
        .any(|socket| socket.inode != 0 && !seen.contains(&socket.inode));
    if !outrun || scan.owners.len() > QUICK_PASS {
        return scan;
    }
    scan_proc().unwrap_or(scan)
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
            "the descriptors of {} may not be read, such as /proc/{first}/fd",
            count(processes.len() as u64, "process", "processes")
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

fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    let number = number.into();
    format!("{number} {}", if number == 1 { one } else { many })
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
