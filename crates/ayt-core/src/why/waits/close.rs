//! The connection behind a close that takes time. Its descriptor is gone already,
//! and the kernel does not say which it was: a guess from what is left.

use super::super::Case;
use crate::facts::Socket;
use crate::tcp_state::TcpState;

/// Connections that `close` with SO_LINGER may wait for: it leaves them being closed,
/// with an inode and no descriptor. Tables, descriptors and threads are read one after
/// another, so where none is such yet: the one that was `fd` before its close, and
/// those that are open and whose descriptor had just gone.
pub(super) fn lingering<'a>(case: &Case<'a>, pid: u32, fd: Option<u32>) -> Vec<&'a Socket> {
    use TcpState::{CloseWait, Closing, Established, FinWait1, LastAck};
    let closing = ownerless(case, pid, &[FinWait1, Closing, LastAck]);
    if !closing.is_empty() {
        return closing;
    }
    let before = fd.and_then(|fd| case.behind(pid, fd));
    if let Some((_, before)) = before {
        return vec![before];
    }
    let mut open = ownerless(case, pid, &[Established, CloseWait]);
    open.retain(|socket| socket.send_queue > 0);
    open
}

/// Those of the namespace of `pid` in one of these states that have an inode and no
/// descriptor. Those on the ports asked about go before others.
fn ownerless<'a>(case: &Case<'a>, pid: u32, states: &[TcpState]) -> Vec<&'a Socket> {
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
            states.contains(&socket.state)
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
