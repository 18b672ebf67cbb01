//! `sysctl-stale`: settings that old advice recommends and that harm today.

#[cfg(test)]
mod tests;

use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::fact::{Fact, Partial, Why};
use crate::facts::{HostFacts, Namespace, Sysctls};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "sysctl-stale",
    summary: "kernel settings from old advice that do harm",
    explanation: "\
Lists of \"TCP tuning\" are copied from host to host for decades. Some of their lines \
never did what they promise, some were true for kernels long gone. ayt reads the settings \
of every network namespace it can enter and reports:

tcp_tw_recycle = 1 (gone since Linux 4.12): refuses connections from several clients \
behind one NAT, by their timestamps. tcp_timestamps = 0: no protection against old \
segments of the same ports (PAWS, RFC 7323), no reuse of TIME_WAIT ports for outgoing \
connections. tcp_max_tw_buckets below what the kernel chose by memory, and below the number of \
ephemeral ports: TIME_WAIT is cut short, an old segment may hit a new connection. \
tcp_fin_timeout under 10 s: it does not shorten TIME_WAIT, only the wait for a peer's FIN \
after close. tcp_abort_on_overflow = 1: a burst that a retry would survive becomes a reset. \
tcp_syncookies = 0: a SYN flood closes the service. tcp_retries2 under 3: data is given up \
after a second or two, less than a Wi-Fi roam. Keepalive defaults that find a death within \
10 s: a short outage ends healthy connections. ip_local_port_range of fewer than 4096 \
ports: 68 connections a second to one server use them up, as each waits 60 s in TIME_WAIT.

tcp_tw_reuse = 1 is fine where timestamps are on (the default 2 limits it to loopback), and \
so is a larger ip_local_port_range, somaxconn or tcp_max_tw_buckets. The kernel's choice for \
tcp_max_tw_buckets equals tcp_max_orphans unless that was changed; where it is not known, \
4096 is taken, the value of a machine with 1 GB. Settings may be deliberate: a cluster may \
want fast failure.

Sources: Documentation/networking/ip-sysctl.rst, tcp(7); net/ipv4/tcp_ipv4.c \
(tcp_set_hashinfo), net/ipv4/tcp.c (tcp_init); RFC 1122 4.2.3.5, RFC 7323.",
    remedy: "set them back with `sysctl -w`, and remove the lines from /etc/sysctl.conf and \
/etc/sysctl.d",
    check,
};

/// A service that answers within seconds survives an outage shorter than this.
const SHORTEST_KEEPALIVE_S: u64 = 10;
/// Fewer ephemeral ports than this are used up by 68 connections a second.
const FEWEST_PORTS: u64 = 4096;
/// `TIME_WAIT` sockets the kernel allows by itself on a machine with 1 GB.
const FEWEST_TW_BUCKETS: u64 = 4096;

/// One stale setting.
struct Stale {
    /// Its name without the directory; the key of its evidence.
    name: &'static str,
    value: String,
    /// What is true of it.
    truth: String,
    /// What to write instead, `NAME=VALUE`.
    better: String,
    severity: Severity,
}

impl Stale {
    fn new(
        name: &'static str,
        value: impl ToString,
        truth: impl Into<String>,
        better: &str,
    ) -> Self {
        Self {
            name,
            value: value.to_string(),
            truth: truth.into(),
            better: format!("net.ipv4.{better}"),
            severity: Severity::Notice,
        }
    }
}

fn check(facts: &HostFacts, _: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    // The host's, where a namespace does not show it: it is one for all.
    let max_orphans = facts
        .namespaces
        .iter()
        .find_map(|one| one.sysctls.number("ipv4/tcp_max_orphans"));
    for namespace in &facts.namespaces {
        let stale = stale(&namespace.sysctls, max_orphans);
        if !stale.is_empty() {
            outcome.findings.push(finding(facts, namespace, &stale));
        }
        outcome.unknown.extend(unknown(namespace));
    }
    outcome
}

/// Settings that harm by their value alone.
fn by_value(sysctls: &Sysctls) -> Vec<Stale> {
    let number = |path| sysctls.number(path);
    let mut stale = Vec::new();
    if number("ipv4/tcp_tw_recycle") == Some(1) {
        stale.push(Stale {
            severity: Severity::Critical,
            ..Stale::new(
                "tcp_tw_recycle",
                1,
                "refuses clients that share a NAT; removed in Linux 4.12",
                "tcp_tw_recycle=0",
            )
        });
    }
    if number("ipv4/tcp_timestamps") == Some(0) {
        stale.push(Stale::new(
            "tcp_timestamps",
            0,
            "switches off the protection against old segments (PAWS), and tcp_tw_reuse",
            "tcp_timestamps=1",
        ));
    }
    if let Some(seconds) = number("ipv4/tcp_fin_timeout").filter(|&seconds| seconds < 10) {
        stale.push(Stale::new(
            "tcp_fin_timeout",
            seconds,
            "does not shorten TIME_WAIT; a peer that is slow to close meets a reset",
            "tcp_fin_timeout=60",
        ));
    }
    if number("ipv4/tcp_abort_on_overflow") == Some(1) {
        stale.push(Stale::new(
            "tcp_abort_on_overflow",
            1,
            "resets clients in a burst that a retry a second later would survive",
            "tcp_abort_on_overflow=0",
        ));
    }
    if number("ipv4/tcp_syncookies") == Some(0) {
        stale.push(Stale::new(
            "tcp_syncookies",
            0,
            "lets a SYN flood close the service",
            "tcp_syncookies=1",
        ));
    }
    if let Some(retries) = number("ipv4/tcp_retries2").filter(|&retries| retries < 3) {
        // RTO from 200 ms, doubled each time: 0.2 s · (2^(n+1) − 1).
        let gives_up = Ms(200 * ((1 << (retries + 1)) - 1));
        stale.push(Stale::new(
            "tcp_retries2",
            retries,
            format!("gives up data after {gives_up} on a fast path, less than a short outage"),
            "tcp_retries2=15",
        ));
    }
    stale
}

/// All stale settings, those that depend on each other included.
fn stale(sysctls: &Sysctls, max_orphans: Option<u64>) -> Vec<Stale> {
    let mut stale = by_value(sysctls);
    let number = |path| sysctls.number(path);
    let ports = sysctls
        .port_range()
        .map(|(first, last)| u64::from(last - first) + 1);
    if let Some(buckets) = number("ipv4/tcp_max_tw_buckets") {
        let enough = match (max_orphans, ports) {
            (Some(kernel), Some(ports)) => kernel.min(ports),
            _ => FEWEST_TW_BUCKETS,
        };
        if buckets < enough {
            let better = max_orphans.unwrap_or(enough).max(enough);
            stale.push(Stale::new(
                "tcp_max_tw_buckets",
                buckets,
                "cuts TIME_WAIT short: old segments may hit new connections",
                &format!("tcp_max_tw_buckets={better}"),
            ));
        }
    }
    if let (Some(idle), Some(interval), Some(probes)) = (
        number("ipv4/tcp_keepalive_time"),
        number("ipv4/tcp_keepalive_intvl"),
        number("ipv4/tcp_keepalive_probes"),
    ) {
        let found = idle.saturating_add(interval.saturating_mul(probes));
        if found < SHORTEST_KEEPALIVE_S {
            stale.push(Stale::new(
                "tcp_keepalive_time",
                format!("{idle}/{interval}/{probes}"),
                format!("ends healthy connections in an outage of {found} s"),
                "tcp_keepalive_time=60 net.ipv4.tcp_keepalive_intvl=5 \
                 net.ipv4.tcp_keepalive_probes=3",
            ));
        }
    }
    if let Some(ports) = ports.filter(|&ports| ports < FEWEST_PORTS) {
        stale.push(Stale::new(
            "ip_local_port_range",
            sysctls
                .text("ipv4/ip_local_port_range")
                .unwrap_or_default()
                .split_ascii_whitespace()
                .collect::<Vec<_>>()
                .join("-"),
            format!(
                "leaves {ports} ports: {} connections a second to one server use them up",
                ports.div_ceil(60)
            ),
            "ip_local_port_range='32768 60999'",
        ));
    }
    stale
}

fn finding(facts: &HostFacts, namespace: &Namespace, stale: &[Stale]) -> Finding {
    let settings: Vec<String> = stale
        .iter()
        .map(|one| format!("{}={} {}", one.name, one.value, one.truth))
        .collect();
    let count = match stale.len() {
        1 => "1 setting".to_owned(),
        n => format!("{n} settings"),
    };
    let severity = stale
        .iter()
        .map(|one| one.severity)
        .max()
        .unwrap_or(Severity::Notice);
    let better: Vec<&str> = stale.iter().map(|one| one.better.as_str()).collect();
    let names: Vec<&str> = stale.iter().map(|one| one.name).collect();
    // Another namespace is entered by one of its processes.
    let way_in = facts
        .processes
        .values()
        .find(|process| process.netns == Fact::Known(namespace.inode));
    let (place, inside) = match way_in {
        _ if namespace.name == "host" => (String::new(), String::new()),
        Some(process) => (
            String::new(),
            format!("nsenter --net=/proc/{}/ns/net ", process.pid),
        ),
        None => (
            format!("inside namespace {}: ", namespace.name),
            String::new(),
        ),
    };
    let mut finding = Finding::new(
        &RULE,
        severity,
        format!(
            "namespace {} has {count} from old advice: {}",
            namespace.name,
            settings.join("; ")
        ),
    );
    for one in stale {
        finding = finding.evidence(one.name, Value::Text(one.value.clone()));
    }
    finding.remedy(format!(
        "{place}`{inside}sysctl -w {}`; then remove the old lines: `grep -rnE '{}' /etc/sysctl.conf \
         /etc/sysctl.d /usr/lib/sysctl.d`",
        better.join(" "),
        names.join("|")
    ))
}

/// Settings that exist and may not be read; one that this kernel lacks is no gap.
fn unknown(namespace: &Namespace) -> Option<Partial> {
    let mut refused = namespace
        .sysctls
        .0
        .values()
        .filter_map(|value| match value {
            Fact::Unknown(why @ Why::NoRight { remedy, .. }) => Some((why, remedy.as_str())),
            Fact::Unknown(why @ Why::Failed { .. }) => {
                Some((why, "make /proc/sys/net readable: mount -t proc proc /proc"))
            }
            _ => None,
        });
    let (why, remedy) = refused.next()?;
    let what = match 1 + refused.count() {
        1 => format!("1 setting of namespace {}", namespace.name),
        n => format!("{n} settings of namespace {}", namespace.name),
    };
    Some(Partial {
        what,
        why: why.to_string(),
        remedy: remedy.to_owned(),
    })
}
