//! Gathers sockets by the process that holds them and the service they belong
//! to, for rules in which each process is a culprit of its own. (Where processes
//! of one command are one culprit, see `group`.)

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::facts::{HostFacts, NsId, Socket};

/// A process' clients on one port, or its connections to one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    /// It listens on this port.
    Port(u16),
    /// It has connected to this address.
    Server(SocketAddr),
}

/// Whose sockets, and of which service; no pid where ayt may not see it.
pub(super) type Place = (NsId, Option<u32>, Service);

/// Sockets, each with what the rule knows of it, by place and in a fixed order.
pub(super) fn by_process<'a, T>(
    facts: &HostFacts,
    sockets: impl IntoIterator<Item = (&'a Socket, T)>,
) -> BTreeMap<Place, Vec<T>> {
    let mut places: BTreeMap<_, Vec<T>> = BTreeMap::new();
    for (socket, known) in sockets {
        let service = match facts.listener_of(socket) {
            Some(listener) => Service::Port(listener.local.port()),
            None => Service::Server(socket.remote),
        };
        let pid = facts.owners_of(socket).first().map(|owner| owner.pid);
        let place = (socket.ns, pid, service);
        places.entry(place).or_default().push(known);
    }
    places
}

/// "sshd (pid 812)".
pub(super) fn name(facts: &HostFacts, pid: Option<u32>) -> String {
    let Some(pid) = pid else {
        return "a program that ayt may not see".to_owned();
    };
    let process = facts.processes.get(&pid);
    let command = process.map_or("?", |process| process.command.as_str());
    format!("{command} (pid {pid})")
}
