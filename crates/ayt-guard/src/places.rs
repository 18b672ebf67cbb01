//! The way back into namespaces that a look has found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ayt_core::facts::{HostFacts, NsId};
use ayt_sys::{DiagSocket, Netns, SysError};

/// A namespace with a socket to its tables.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) ns: Netns,
    pub(crate) diag: DiagSocket,
}

/// Opens namespaces again; what cannot be opened is an error of its own.
pub(crate) fn open(
    facts: &HostFacts,
    ids: &BTreeSet<NsId>,
) -> BTreeMap<NsId, Result<Place, SysError>> {
    ids.iter()
        .map(|&id| {
            let place = find(facts, id).and_then(|ns| {
                let diag = DiagSocket::open(&ns)?;
                Ok(Place { ns, diag })
            });
            (id, place)
        })
        .collect()
}

fn find(facts: &HostFacts, id: NsId) -> Result<Netns, SysError> {
    let inode = facts.namespace(id).map_or(0, |namespace| namespace.inode);
    let name = facts
        .namespace(id)
        .map_or("", |namespace| namespace.name.as_str());
    let own = Netns::own()?;
    if own.inode() == inode {
        return Ok(own);
    }
    let by_name = ["/run/netns", "/run/docker/netns"]
        .into_iter()
        .map(|folder| Netns::at(&Path::new(folder).join(name)));
    // Whoever holds a socket of the namespace is most often in it.
    let inside = facts
        .processes
        .values()
        .filter(|process| process.netns.known() == Some(&inode))
        .map(|process| Netns::of_process(process.pid));
    let any = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(Netns::of_process);
    by_name
        .chain(inside)
        .chain(any)
        .filter_map(Result::ok)
        .find(|ns| ns.inode() == inode)
        .ok_or_else(|| {
            SysError::call(
                format!("enter network namespace {name} ({inode}) again"),
                std::io::ErrorKind::NotFound,
            )
        })
}
