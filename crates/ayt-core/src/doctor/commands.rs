//! Commands that remedies of several rules tell.

use super::group::canonical;
use crate::facts::Socket;

/// `ayt trace` of this connection and of no other: by both its ends, for filters may
/// select several.
pub(crate) fn trace(socket: &Socket) -> String {
    let (local, remote) = (canonical(socket.local), canonical(socket.remote));
    format!("`ayt trace {local} {remote}`")
}

/// The command that gives a process twice as many descriptors. A service manager sets
/// the hard limit to the same, and then the soft one cannot be raised alone.
pub(crate) fn room(pid: u32, limit: u64) -> String {
    let room = limit.saturating_mul(2);
    format!(
        "`prlimit --pid {pid} --nofile={room}:` (`--nofile={room}:{room}` where its hard limit is \
         lower) gives it room at once"
    )
}
