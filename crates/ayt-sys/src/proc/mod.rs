//! The text of /proc files, parsed without I/O (proc(5)). Every parser is
//! total: text that is not as expected gives `None`, never a panic.

mod cgroup;
mod counters;
mod inside;
mod sockstat;
mod stat;
mod syscall;

use std::collections::BTreeMap;

use ayt_core::facts::Owner;

pub use cgroup::unit;
pub use counters::counters;
pub use inside::{
    Mapping, RawCall, epoll, last_processor, last_ran, mappings, mutex_holder, poll_set, raw_call,
    select_set,
};
pub use sockstat::{SocketCounts, socket_counts};
pub use stat::{Stat, open_files_limit, stat};
pub use syscall::{CallState, call};

/// How much of a table a dump showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// All of it.
    Whole,
    /// The table changed underneath; rows may be missing.
    Interrupted,
}

/// What one pass over /proc brought.
#[derive(Debug, Clone, Default)]
pub struct ProcScan {
    /// Every descriptor on a socket (of any protocol) that could be seen.
    pub owners: Vec<Owner>,
    /// Open descriptors of the processes that hold sockets.
    pub descriptors: BTreeMap<u32, u32>,
    /// Processes whose descriptors may not be looked at.
    pub hidden: Vec<u32>,
    /// Network namespaces by inode number, with the processes in them.
    pub namespaces: BTreeMap<u64, Vec<u32>>,
    /// Processes whose namespace may not be looked at.
    pub namespaces_hidden: u32,
}

/// The inode of a link `socket:[123]` as /proc/PID/fd shows it.
#[inline]
#[must_use]
pub fn socket_inode(link: &[u8]) -> Option<u32> {
    bracketed(link, b"socket:[").and_then(|inode| u32::try_from(inode).ok())
}

/// The inode of a link `net:[4026531840]` as /proc/PID/ns/net shows it.
#[must_use]
pub fn namespace_inode(link: &[u8]) -> Option<u64> {
    bracketed(link, b"net:[")
}

fn bracketed(link: &[u8], prefix: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(prefix)?.strip_suffix(b"]")?;
    decimal(digits)
}

/// A decimal number and nothing else.
#[must_use]
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_links() {
        assert_eq!(socket_inode(b"socket:[123]"), Some(123));
        assert_eq!(namespace_inode(b"net:[4026531840]"), Some(4_026_531_840));
        for bad in [
            &b"pipe:[1]"[..],
            b"socket:[]",
            b"socket:[1",
            b"socket:[x]",
            b"socket:[99999999999]",
            b"",
        ] {
            assert_eq!(socket_inode(bad), None);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,80}") {
            let _ = (socket_inode(text.as_bytes()), namespace_inode(text.as_bytes()));
            let _ = (stat(&text), open_files_limit(&text), call(&text), unit(&text));
            let _ = (counters(&text), socket_counts(&text));
        }
    }
}
