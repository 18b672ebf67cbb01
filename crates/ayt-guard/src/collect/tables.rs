//! The socket tables of this namespace and of every other one that can be
//! entered.

use std::collections::BTreeSet;
use std::path::Path;

use ayt_core::fact::{Fact, Partial, Why};
use ayt_core::facts::{Namespace, NsId, Socket, Sysctls};
use ayt_sys::procfs::{ProcScan, Seen};
use ayt_sys::wire::diag::{self, INET, INET6};
use ayt_sys::wire::request::state_mask;
use ayt_sys::{DiagSocket, Netns, SysError, read_socket_counts, read_sysctls};

use super::{Collect, CollectError};
use ayt_core::facts::HostParts;

/// A dump that the table's own changes interrupt is taken again this often.
const TRIES: usize = 3;

/// A namespace that was entered, with a socket to its tables.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its id in the facts.
    pub(crate) id: NsId,
    /// The namespace.
    pub(crate) ns: Netns,
    /// The way to its tables.
    pub(crate) diag: DiagSocket,
}

/// All namespaces that were entered.
pub(crate) type Places = Vec<Place>;

/// Where named namespaces are bound: iproute2's and Docker's folders.
pub(super) const NAMED: [&str; 2] = ["/run/netns", "/run/docker/netns"];

/// The namespace ayt runs in.
pub(crate) const OWN: &str = "host";

/// Whether a namespace is bound to this name, be it open or closed to us.
pub(super) fn is_named(name: &str) -> bool {
    let folders = NAMED.into_iter().flat_map(std::fs::read_dir);
    let mut entries = folders.flatten().flatten();
    entries.any(|entry| entry.file_name() == name)
}

/// Lists the sockets of the namespace ayt runs in.
pub(super) fn own(what: &Collect, parts: &mut HostParts) -> Result<Places, CollectError> {
    let refused = |error: SysError| {
        if matches!(error, SysError::NeedsLinux) {
            return CollectError::NeedsLinux;
        }
        CollectError::Refused {
            operation: "list this host's TCP sockets".to_owned(),
            remedy: remedy(&error).to_owned(),
            error: error.to_string(),
        }
    };
    let ns = Netns::own().map_err(refused)?;
    if !what.filter.wants_namespace(OWN, ns.inode()) {
        // It must still have a place: it is what the others are compared with.
        let diag = DiagSocket::open(&ns).map_err(refused)?;
        return Ok(vec![register(OWN.to_owned(), ns, diag, parts)]);
    }
    let diag = DiagSocket::open(&ns).map_err(refused)?;
    let mut place = register(OWN.to_owned(), ns, diag, parts);
    list(&mut place, what, parts).map_err(refused)?;
    Ok(vec![place])
}

/// Lists the sockets of all other namespaces: those processes are in, and those
/// that only have a name.
///
/// Returns what could not be entered.
pub(super) fn others(
    what: &Collect,
    scan: &ProcScan,
    places: &mut Places,
    parts: &mut HostParts,
) -> Option<Partial> {
    let mut known: BTreeSet<u64> = places.iter().map(|place| place.ns.inode()).collect();
    let mut closed = Vec::new();
    for folder in NAMED {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            match Netns::at(&entry.path()) {
                Ok(ns) if known.insert(ns.inode()) => {
                    visit(what, name, ns, places, parts, &mut closed);
                }
                // A stale name is no namespace, so none is hidden.
                Ok(_) | Err(SysError::Malformed { .. }) => {}
                Err(error) => closed.push(error),
            }
        }
    }
    for (&inode, pids) in &scan.namespaces {
        if !known.insert(inode) {
            continue;
        }
        // Any process of the namespace leads into it; some may have ended.
        let opened = pids.iter().map(|&pid| Netns::of_process(pid)).try_fold(
            None,
            |last: Option<SysError>, next| match next {
                Ok(ns) if ns.inode() == inode => Err(Ok(ns)),
                Ok(_) => Ok(last),
                Err(error) if error.is_gone() => Ok(last),
                Err(error) => Err(Err(error)),
            },
        );
        match opened {
            Err(Ok(ns)) => visit(what, process_name(pids), ns, places, parts, &mut closed),
            Err(Err(error)) => closed.push(error),
            Ok(_) => {}
        }
    }
    let (first, count) = (closed.first()?, closed.len());
    Some(Partial {
        what: format!(
            "{count} other network namespace{} hidden",
            if count == 1 { " is" } else { "s are" }
        ),
        why: first.to_string(),
        remedy: "run as root or grant CAP_SYS_ADMIN and CAP_SYS_PTRACE".to_owned(),
    })
}

fn visit(
    what: &Collect,
    name: String,
    ns: Netns,
    places: &mut Places,
    parts: &mut HostParts,
    closed: &mut Vec<SysError>,
) {
    if places.len() >= usize::from(u16::MAX) {
        return;
    }
    match DiagSocket::open(&ns) {
        Ok(diag) => {
            let mut place = register(name, ns, diag, parts);
            if let Err(error) = list(&mut place, what, parts) {
                closed.push(error);
            }
            places.push(place);
        }
        Err(error) => closed.push(error),
    }
}

/// `process:PID` until the processes are known (see `names`).
fn process_name(pids: &[u32]) -> String {
    pids.first()
        .map_or_else(String::new, |pid| format!("process:{pid}"))
}

fn register(name: String, ns: Netns, diag: DiagSocket, parts: &mut HostParts) -> Place {
    let id = NsId(u16::try_from(parts.namespaces.len()).unwrap_or(u16::MAX));
    let sysctls = ns.enter(read_sysctls).unwrap_or_else(|error| {
        let refused = |name| {
            let why = Why::Failed {
                operation: format!("read net/{name}"),
                error: error.to_string(),
            };
            (name, Fact::Unknown(why))
        };
        Sysctls(Sysctls::READ.into_iter().map(refused).collect())
    });
    parts.namespaces.push(Namespace {
        id,
        inode: ns.inode(),
        name,
        sysctls,
        counters: Fact::Unknown(Why::NotAsked),
    });
    Place { id, ns, diag }
}

fn list(place: &mut Place, what: &Collect, parts: &mut HostParts) -> Result<(), SysError> {
    let name = &parts.namespaces[usize::from(place.id.0)].name;
    if !what.filter.wants_namespace(name, place.ns.inode()) && !name.starts_with("process:") {
        return Ok(());
    }
    let states = state_mask(&what.filter.states);
    let whole = dump(place, states, &mut parts.sockets, |socket| {
        what.filter.matches_socket(socket)
    })?;
    if !whole {
        let name = &parts.namespaces[usize::from(place.id.0)].name;
        parts.partial.push(Partial {
            what: format!("the socket table of namespace {name} may miss rows"),
            why: format!("it changed under each of {TRIES} dumps"),
            remedy: "look again when the host is calmer".to_owned(),
        });
    }
    Ok(())
}

/// Lists a namespace's sockets of both families into `sockets`; whether the
/// table held still.
pub(crate) fn dump(
    place: &mut Place,
    states: u32,
    sockets: &mut Vec<Socket>,
    mut keep: impl FnMut(&Socket) -> bool,
) -> Result<bool, SysError> {
    let mut whole = true;
    for family in families(place) {
        let before = sockets.len();
        for attempt in 1..=TRIES {
            sockets.truncate(before);
            let seen = place.diag.dump(family, states, |payload| {
                let socket =
                    diag::socket(payload, place.id).map_err(|error| SysError::Malformed {
                        operation: "read a sock_diag message",
                        detail: error.to_string(),
                    })?;
                if let Some(socket) = socket.filter(|socket| keep(socket)) {
                    sockets.push(socket);
                }
                Ok(())
            });
            match seen {
                Ok(Seen::Whole) => break,
                Ok(Seen::Interrupted) => whole = attempt < TRIES && whole,
                // ENOBUFS: the answer overran the receive buffer.
                Err(error) if error.errno() == Some(105) => {
                    whole = attempt < TRIES && whole;
                    place.diag = DiagSocket::open(&place.ns)?;
                }
                // A kernel without IPv6 knows no such family.
                Err(error) if family == INET6 && error.errno() == Some(2) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(whole)
}

/// The families of which a namespace has sockets. To list none takes the kernel
/// as long as to list all: it walks the one table that all namespaces share.
fn families(place: &Place) -> Vec<u8> {
    let counts = place.ns.enter(read_socket_counts).ok().flatten();
    let has = |family: u8| {
        counts.is_none_or(|counts| {
            let alive = if family == INET { counts.v4 } else { counts.v6 };
            alive + counts.time_wait > 0
        })
    };
    [INET, INET6]
        .into_iter()
        .filter(|&family| has(family))
        .collect()
}

fn remedy(error: &SysError) -> &'static str {
    match error.errno() {
        _ if !Path::new("/proc/self").exists() => "mount /proc (mount -t proc proc /proc)",
        // ENOENT: nobody answers for TCP.
        Some(2) => {
            "load the kernel module tcp_diag (modprobe tcp_diag), or build the kernel with CONFIG_INET_TCP_DIAG"
        }
        Some(1 | 13) => {
            "a seccomp or LSM policy forbids netlink: allow AF_NETLINK sockets of NETLINK_SOCK_DIAG"
        }
        Some(93 | 97) => {
            "this kernel or sandbox has no netlink sock_diag: run ayt outside the sandbox"
        }
        _ => "see sock_diag(7)",
    }
}
