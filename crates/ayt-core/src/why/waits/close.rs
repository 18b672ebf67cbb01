//! The connection behind a close that takes time. Its descriptor is gone already,
//! and the kernel does not say which it was: a guess from what is left.

use super::super::Case;
use crate::facts::Socket;
use crate::tcp_state::TcpState;

/// Connections that are being closed, have an inode and no descriptor: what
/// `close` with SO_LINGER leaves while it waits. Those on the ports asked about go
/// before others.
pub(super) fn lingering<'a>(case: &Case<'a>, pid: u32) -> Vec<&'a Socket> {
    use TcpState::{Closing, FinWait1, LastAck};
    let netns = case.facts.processes.get(&pid);
    let netns = netns.and_then(|process| process.netns.known());
    let ns = case
        .facts
        .namespaces
        .iter()
        .find(|ns| Some(&ns.inode) == netns);
    let all: Vec<&Socket> = case
        .facts
        .sockets
        .iter()
        .filter(|socket| {
            matches!(socket.state, FinWait1 | Closing | LastAck)
                && socket.inode != 0
                && case.facts.owners_of(socket).is_empty()
                && ns.is_none_or(|ns| ns.id == socket.ns)
        })
        .collect();
    let served = |socket: &&&Socket| {
        let mut listeners = case.listeners();
        listeners.any(|one| one.local.port() == socket.local.port())
    };
    let ours: Vec<&Socket> = all.iter().filter(served).copied().collect();
    if ours.is_empty() { all } else { ours }
}
