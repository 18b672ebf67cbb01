//! A network namespace: its name, settings and counters.

use std::collections::BTreeMap;

use crate::fact::Fact;

/// Index of a namespace in [`super::HostParts::namespaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NsId(pub u16);

/// One network namespace that was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its index.
    pub id: NsId,
    /// Inode number of the namespace (`/proc/PID/ns/net`).
    pub inode: u64,
    /// Name for people: `host` for ayt's own, else the name under /run/netns,
    /// the container, or a process in it (`redis-server/812`).
    pub name: String,
    /// Its settings.
    pub sysctls: Sysctls,
    /// Its counters.
    pub counters: Fact<Counters>,
}

/// Settings under /proc/sys/net, by their path with `/` ("ipv4/tcp_fin_timeout").
/// Only the settings ayt reads are listed; one that this kernel does not have is
/// `Unknown`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sysctls(pub BTreeMap<&'static str, Fact<String>>);

impl Sysctls {
    /// What ayt reads.
    pub const READ: [&'static str; 20] = [
        "core/somaxconn",
        "ipv4/ip_local_port_range",
        "ipv4/ip_local_reserved_ports",
        "ipv4/tcp_abort_on_overflow",
        "ipv4/tcp_fin_timeout",
        "ipv4/tcp_keepalive_intvl",
        "ipv4/tcp_keepalive_probes",
        "ipv4/tcp_keepalive_time",
        "ipv4/tcp_max_orphans",
        "ipv4/tcp_max_syn_backlog",
        "ipv4/tcp_max_tw_buckets",
        "ipv4/tcp_orphan_retries",
        "ipv4/tcp_retries1",
        "ipv4/tcp_retries2",
        "ipv4/tcp_rto_max_ms",
        "ipv4/tcp_syn_retries",
        "ipv4/tcp_timestamps",
        "ipv4/tcp_tw_recycle",
        "ipv4/tcp_tw_reuse",
        "ipv4/tcp_syncookies",
    ];

    /// The setting as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.known().map(String::as_str)
    }

    /// The setting as a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    /// First and last ephemeral port (`ip_local_port_range`).
    #[must_use]
    pub fn port_range(&self) -> Option<(u16, u16)> {
        let mut numbers = self
            .text("ipv4/ip_local_port_range")?
            .split_ascii_whitespace()
            .map(str::parse);
        match (numbers.next()?, numbers.next()?) {
            (Ok(first), Ok(last)) if first <= last => Some((first, last)),
            _ => None,
        }
    }
}

/// Counters of /proc/net/netstat and /proc/net/snmp, named `Group.Name`
/// ("TcpExt.ListenOverflows", "Tcp.CurrEstab"), since the namespace was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters(pub BTreeMap<String, i64>);

impl Counters {
    /// One counter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }
}
