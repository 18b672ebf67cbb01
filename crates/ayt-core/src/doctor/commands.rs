//! Commands that remedies of several rules tell.

use super::group::{canonical, is_one_word};
use crate::facts::{HostFacts, NsId, Socket};

/// The command that explains a subject of a namespace: "`ayt why :80`".
pub(crate) fn why(facts: &HostFacts, ns: NsId, subject: &str) -> String {
    let netns = match facts.namespace(ns).filter(|ns| ns.name != "host") {
        Some(ns) if is_one_word(&ns.name) => ns.name.clone(),
        Some(ns) => ns.inode.to_string(),
        None => return format!("`ayt why {subject}`"),
    };
    format!("`ayt why {subject} --netns {netns}`")
}

/// Between a remedy and [`why`] behind it.
const THEN_WHY: &str = "; \x60ayt why pid:";

/// A remedy, and behind it what `ayt why` of a process tells besides.
pub(crate) fn and_why(remedy: &str, pid: u32, tells: &str) -> String {
    format!("{remedy}{THEN_WHY}{pid}` tells {tells}")
}

/// The remedy alone, for whoever has asked `ayt why`.
pub(crate) fn without_why(remedy: &str) -> &str {
    remedy.split(THEN_WHY).next().unwrap_or(remedy)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_behind_a_remedy_is_taken_off_again() {
        let both = and_why("restart it; or wait", 812, "what it does");
        assert_eq!(
            both,
            "restart it; or wait; `ayt why pid:812` tells what it does"
        );
        assert_eq!(without_why(&both), "restart it; or wait");
        assert_eq!(without_why("restart it"), "restart it");
    }
}
