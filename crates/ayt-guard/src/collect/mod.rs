//! One look at the host.

pub(crate) mod doctor;
pub(crate) mod exact;
mod names;
mod owners;
pub(crate) mod tables;

use std::collections::BTreeSet;
use std::time::Duration;

use ayt_core::fact::Partial;
use ayt_core::facts::{HostFacts, HostParts, Socket};
use ayt_core::filter::Filter;
use ayt_sys::procfs::ProcScan;
use ayt_sys::scan_proc;

pub(crate) use exact::{why, without_owner};
pub use names::as_seen;

/// What to gather.
#[derive(Debug, Clone, Default)]
pub struct Collect {
    /// Keep only sockets that match; conditions the kernel can judge are given
    /// to it.
    pub filter: Filter,
    /// Ask each descriptor for its exact keepalive settings.
    pub exact: Exact,
    /// What the doctor needs beyond a list: sysctls, counters, limits, a second
    /// look after this long where connections wait in an accept queue, what
    /// threads are blocked in, descriptors of ended connections.
    pub doctor: Option<Duration>,
}

/// Whether to read exact keepalive settings through `pidfd_getfd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exact {
    /// Where at most [`Exact::AUTO_LIMIT`] sockets match.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: the settings are `Unknown(NotAsked)`.
    Never,
}

impl Exact {
    /// See [`Exact::Auto`].
    pub const AUTO_LIMIT: usize = 10_000;
}

/// Nothing could be seen at all.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Not Linux.
    #[error("this command needs Linux: it asks the Linux kernel through sock_diag and /proc")]
    NeedsLinux,
    /// The filter names namespaces, and none of them was found.
    #[error("no network namespace is called `{wanted}`; there are: {known}")]
    NoNamespace {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// The kernel refused to list sockets, or to enter the namespaces that were
    /// asked for.
    #[error("{operation}: {error}; {remedy}")]
    Refused {
        /// What was tried.
        operation: String,
        /// What came back.
        error: String,
        /// What would help.
        remedy: String,
    },
}

/// Looks at the host.
///
/// # Errors
/// When no socket table could be read at all; what was only hidden in part is
/// in [`HostFacts::partial`](ayt_core::facts::HostParts::partial).
pub fn collect(what: &Collect) -> Result<HostFacts, CollectError> {
    let mut parts = HostParts::default();
    // Owners are read after the sockets: a socket without one is then truly
    // without one, not merely newer than the pass over /proc. (That pass keeps
    // all cores busy by itself: nothing would be won by doing both at once.)
    let mut places = tables::own(what, &mut parts)?;
    let mut scan = scan_proc().unwrap_or_else(|error| {
        parts.partial.push(Partial {
            what: "owners and other network namespaces are hidden".to_owned(),
            why: error.to_string(),
            remedy: "mount /proc (mount -t proc proc /proc)".to_owned(),
        });
        ProcScan::default()
    });
    let closed = tables::others(what, &scan, &mut places, &mut parts);
    let looked = doctor::now();
    owners::catch_up(&mut scan, &parts, what.doctor.is_some());
    names::complete(&mut parts);
    // A look at namespaces that are all found misses nothing.
    let found = names::all_found(&parts, &what.filter);
    let closed = closed.filter(|_| !found);
    parts.partial.extend(closed.clone());
    let known: Vec<String> = parts.namespaces.iter().map(|ns| ns.name.clone()).collect();
    // Before owners are missed: those of other namespaces' sockets are no gap.
    names::keep_wanted(&mut parts, &mut places, &what.filter);
    if parts.namespaces.is_empty() {
        let wanted = &what.filter.namespaces;
        return Err(
            match closed.filter(|_| wanted.iter().any(|name| tables::is_named(name))) {
                Some(closed) => CollectError::Refused {
                    operation: format!("enter network namespace {}", wanted.join(", ")),
                    error: closed.why,
                    remedy: closed.remedy,
                },
                None => CollectError::NoNamespace {
                    wanted: wanted.join(", "),
                    known: known.join(", "),
                },
            },
        );
    }
    let strays = owners::attach(what, scan, &mut places, &mut parts);
    let mut facts = HostFacts::new(parts);
    if !what.filter.is_empty() {
        facts = keep_matching(facts, what);
    }
    let ask = match what.exact {
        Exact::Always => true,
        Exact::Never => false,
        Exact::Auto => facts.sockets.len() <= Exact::AUTO_LIMIT,
    };
    if ask {
        facts = exact::ask(facts);
    }
    if let Some(apart) = what.doctor {
        facts = doctor::look_closer(facts, &mut places, &strays, looked, apart);
    }
    Ok(facts)
}

fn keep_matching(facts: HostFacts, what: &Collect) -> HostFacts {
    let filter = &what.filter;
    // A connection in an accept queue has no owner yet. To the doctor it is the
    // business of whoever should accept it.
    let owned = |socket: &Socket| match facts.listener_of(socket) {
        Some(listener) if what.doctor.is_some() && socket.never_accepted() => {
            filter.matches_owner(&facts, listener)
        }
        _ => filter.matches_owner(&facts, socket),
    };
    let keep: Vec<bool> = facts
        .sockets
        .iter()
        .map(|socket| {
            filter.matches_socket(socket)
                && filter.matches_namespace(&facts, socket)
                && owned(socket)
        })
        .collect();
    let mut parts = facts.into_parts();
    let mut kept = keep.into_iter();
    parts.sockets.retain(|_| kept.next().unwrap_or(false));
    let pids: BTreeSet<u32> = parts
        .sockets
        .iter()
        .flat_map(|socket| parts.owners.of(socket.inode))
        .map(|owner| owner.pid)
        .collect();
    parts.processes.retain(|pid, _| pids.contains(pid));
    HostFacts::new(parts)
}
