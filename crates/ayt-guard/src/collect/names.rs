//! Names for namespaces that only processes lead to: the container, the pod, or
//! a process in it. And, once all have names, which of them were asked for.

use std::path::Path;

use ayt_core::facts::{HostParts, NsId};
use ayt_core::filter::Filter;
use ayt_sys::{Netns, read_process};

use super::tables::{NAMED, OWN, Places};

/// Replaces the `process:PID` placeholders.
pub(super) fn complete(parts: &mut HostParts) {
    for namespace in &mut parts.namespaces {
        let Some(pid) = namespace
            .name
            .strip_prefix("process:")
            .and_then(|pid| pid.parse().ok())
        else {
            continue;
        };
        namespace.name = match read_process(pid, None) {
            None => format!("net:{}", namespace.inode),
            Some(process) => match (&process.unit.container, &process.unit.pod) {
                (Some(container), _) => container.clone(),
                (None, Some(pod)) => pod.clone(),
                (None, None) => format!("{}/{pid}", process.command),
            },
        };
    }
}

/// Names of namespaces as a look tells them. That of the namespace ayt itself runs in is
/// "host" there, whatever `ip netns` calls it.
#[must_use]
pub fn as_seen(wanted: &[String]) -> Vec<String> {
    let own = Netns::own().ok();
    let is_own = |name: &str| {
        let bound = NAMED.iter().map(|folder| Path::new(folder).join(name));
        let mut bound = bound.filter_map(|path| Netns::at(&path).ok());
        own.as_ref()
            .is_some_and(|own| bound.any(|ns| ns.inode() == own.inode()))
    };
    let seen = |name: &String| match !name.contains('/') && is_own(name) {
        true => OWN.to_owned(),
        false => name.clone(),
    };
    wanted.iter().map(seen).collect()
}

/// Whether namespaces were asked for, and each of them was found.
pub(super) fn all_found(parts: &HostParts, filter: &Filter) -> bool {
    let found = |wanted: &String| {
        let one = Filter {
            namespaces: vec![wanted.clone()],
            ..Filter::default()
        };
        parts
            .namespaces
            .iter()
            .any(|namespace| one.wants_namespace(&namespace.name, namespace.inode))
    };
    !filter.namespaces.is_empty() && filter.namespaces.iter().all(found)
}

/// Drops the namespaces that were not asked for, and numbers the rest anew.
pub(super) fn keep_wanted(parts: &mut HostParts, places: &mut Places, filter: &Filter) {
    if filter.namespaces.is_empty() {
        return;
    }
    // A limit of the whole host that only its first namespace shows.
    const OF_THE_HOST: &str = "ipv4/tcp_max_orphans";
    let known = parts.namespaces.iter().find_map(|namespace| {
        let fact = namespace.sysctls.0.get(OF_THE_HOST)?;
        fact.known().map(|_| fact.clone())
    });
    if let Some(known) = known {
        for namespace in &mut parts.namespaces {
            namespace.sysctls.0.insert(OF_THE_HOST, known.clone());
        }
    }
    let mut renumbered = vec![None; parts.namespaces.len()];
    let mut next = 0u16;
    parts.namespaces.retain_mut(|namespace| {
        let wanted = filter.wants_namespace(&namespace.name, namespace.inode);
        if wanted {
            renumbered[usize::from(namespace.id.0)] = Some(NsId(next));
            namespace.id = NsId(next);
            next += 1;
        }
        wanted
    });
    let number = |id: NsId| renumbered.get(usize::from(id.0)).copied().flatten();
    parts.sockets.retain_mut(|socket| match number(socket.ns) {
        Some(id) => {
            socket.ns = id;
            true
        }
        None => false,
    });
    places.retain_mut(|place| match number(place.id) {
        Some(id) => {
            place.id = id;
            true
        }
        None => false,
    });
}
