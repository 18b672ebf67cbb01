//! `time-wait-pressure`: the local ports towards one endpoint run out, eaten by
//! TIME_WAIT.

mod forecast;

use std::net::{IpAddr, SocketAddr};

use rustc_hash::FxHashMap;

use crate::doctor::group::canonical;
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::fact::Partial;
use crate::facts::{HostFacts, Namespace, NsId, Socket};
use crate::tcp_state::TcpState;
use forecast::{Forecast, LIFETIME_MS, REUSE_AFTER_MS};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "time-wait-pressure",
    summary: "outgoing connections to one endpoint use up the local ports",
    explanation: "\
The side that closes first keeps TIME_WAIT for 60 s, so that a lost last \
acknowledgement can be repeated and no old segment strays into a new connection \
(RFC 9293 3.6.1). Until then its local port cannot be used again towards the same \
remote endpoint. A client that opens and closes faster than (ports / 60 s), about \
470 a second by default, runs out, and connect() fails with EADDRNOTAVAIL.

ayt counts, by local address and remote endpoint, the local ports of \
ip_local_port_range (less ip_local_reserved_ports) that are in use in any state. \
From the age of each TIME_WAIT socket, which its timer shows, it takes the rate \
sustained over the last ten seconds (twice the poorer half, so that a burst is no \
trend) and computes the level after 60 s and the time until the last port is \
gone. Where tcp_tw_reuse lets connect() take over a TIME_WAIT port after a second \
(1, or 2 for loopback, and tcp_timestamps on), only younger ones count. Told from \
80 % of the ports on, present or forecast; critical when they are about to end.

It may be wrong where the program binds its ports itself, where the peer sends no \
timestamps (reuse then fails), or where tcp_max_tw_buckets cuts TIME_WAIT short. \
Many server-side TIME_WAIT sockets on a listener's port cost memory only and are \
not told.

What helps: connections that are kept and reused; letting the peer close first; \
tcp_tw_reuse=1; a wider range; more local or remote addresses. What does not: \
tcp_tw_recycle (gone since Linux 4.12); a small tcp_max_tw_buckets, which only \
breaks the protection; SO_REUSEADDR, which does not concern ephemeral ports of \
outgoing connections; SO_LINGER with a time, which does not shorten TIME_WAIT.

Sources: RFC 9293 3.6.1; RFC 6191; Linux Documentation/networking/ip-sysctl.rst; \
net/ipv4/inet_hashtables.c, __inet_hash_connect(); net/ipv4/tcp_ipv4.c, \
tcp_twsk_unique().",
    remedy: "`sysctl -w net.ipv4.tcp_tw_reuse=1` (needs net.ipv4.tcp_timestamps=1 on both \
sides); better, keep connections open and reuse them, or let the peer close first; also: a \
wider net.ipv4.ip_local_port_range, more local addresses",
    check,
};

/// What a local port is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Path {
    ns: NsId,
    local: IpAddr,
    remote: SocketAddr,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let settings: Vec<_> = facts.namespaces.iter().map(Settings::of).collect();
    let settings = |ns: NsId| settings.get(usize::from(ns.0))?.as_ref();
    let mut paths: FxHashMap<Path, Vec<&Socket>> = FxHashMap::default();
    let mut undecided: FxHashMap<NsId, usize> = FxHashMap::default();
    for socket in &facts.sockets {
        if matches!(socket.state, TcpState::Listen | TcpState::Closed) {
            continue;
        }
        let Some(settings) = settings(socket.ns) else {
            let time_wait = usize::from(socket.state == TcpState::TimeWait);
            *undecided.entry(socket.ns).or_default() += time_wait;
            continue;
        };
        if settings.range.contains(&socket.local.port()) {
            let path = Path {
                ns: socket.ns,
                local: socket.local.ip().to_canonical(),
                remote: canonical(socket.remote),
            };
            paths.entry(path).or_default().push(socket);
        }
    }
    let mut pressed: Vec<_> = paths
        .into_iter()
        .filter_map(|(path, sockets)| {
            let settings = settings(path.ns)?;
            let forecast = Forecast::of(&sockets, settings.ports, settings.lifetime_ms(path));
            let level = forecast.used.max(forecast.steady);
            let pressure = level * 100 >= settings.ports * limits.pressure_percent;
            pressure.then_some((path, sockets, settings, forecast))
        })
        .collect();
    pressed.sort_unstable_by_key(|&(path, ..)| path);
    let findings = pressed
        .iter()
        .map(|(path, sockets, settings, forecast)| {
            finding(facts, *path, sockets, settings, *forecast)
        })
        .collect();
    let unknown = facts.namespaces.iter().filter_map(|ns| {
        let count = undecided.get(&ns.id).filter(|&&count| count > 0)?;
        Some(Partial {
            what: format!(
                "port pressure of {count} TIME_WAIT socket{} in namespace {}",
                if *count == 1 { "" } else { "s" },
                ns.name
            ),
            why: "net.ipv4.ip_local_port_range could not be read".to_owned(),
            remedy: "mount /proc/sys where ayt runs".to_owned(),
        })
    });
    Outcome {
        findings,
        unknown: unknown.collect(),
    }
}

/// What a namespace's settings mean for its local ports.
#[derive(Debug)]
struct Settings {
    range: std::ops::RangeInclusive<u16>,
    /// How many ports connect() may choose from.
    ports: u64,
    timestamps: bool,
    reuse: Option<u64>,
}

impl Settings {
    fn of(ns: &Namespace) -> Option<Self> {
        let (first, last) = ns.sysctls.port_range()?;
        let reserved = ns.sysctls.text("ipv4/ip_local_reserved_ports");
        let reserved = reserved.map_or(0, |text| reserved_within(text, first, last));
        Some(Self {
            range: first..=last,
            ports: (u64::from(last - first) + 1)
                .saturating_sub(reserved)
                .max(1),
            timestamps: ns.sysctls.number("ipv4/tcp_timestamps") != Some(0),
            reuse: ns.sysctls.number("ipv4/tcp_tw_reuse"),
        })
    }

    /// How long TIME_WAIT keeps a port from a new connection.
    fn lifetime_ms(&self, path: Path) -> u64 {
        let reused = match self.reuse {
            Some(1) => true,
            Some(2) => path.local.is_loopback() || path.remote.ip().is_loopback(),
            _ => false,
        };
        if reused && self.timestamps {
            REUSE_AFTER_MS
        } else {
            LIFETIME_MS
        }
    }
}

/// How many ports of "8080,9148,30000-30100" lie within the range.
fn reserved_within(text: &str, first: u16, last: u16) -> u64 {
    let parts = text.trim().split(',').filter_map(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.parse::<u16>().ok()?, to.parse::<u16>().ok()?);
        let (from, to) = (from.max(first), to.min(last));
        Some((u64::from(to) + 1).saturating_sub(u64::from(from)))
    });
    parts.sum()
}

fn finding(
    facts: &HostFacts,
    path: Path,
    sockets: &[&Socket],
    settings: &Settings,
    forecast: Forecast,
) -> Finding {
    let Forecast {
        used,
        rate,
        steady,
        exhausted_in_ms,
        ..
    } = forecast;
    let ports = settings.ports;
    // All but used up: a port that is just freed is taken again at once.
    let exhausted = used * 100 >= ports * 95;
    let outlook = match exhausted_in_ms {
        _ if exhausted => ": connect() is about to fail".to_owned(),
        Some(ms) => format!(
            "; at {rate:.0} closed a second the last is gone in {}",
            Ms(ms)
        ),
        None if steady > used => format!("; at {rate:.0} closed a second {steady} soon will be"),
        None => String::new(),
    };
    let severity = if exhausted || exhausted_in_ms.is_some() {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let summary = format!(
        "{used} of {ports} local ports from {} to {} are in use, {} of them in TIME_WAIT{outlook}",
        path.local, path.remote, forecast.time_wait
    );
    let finding = Finding::new(&RULE, severity, summary)
        .evidence("ports_used", Value::Count(used))
        .evidence("ports", Value::Count(ports))
        .evidence("time_wait", Value::Count(forecast.time_wait))
        .evidence("closed_per_second", Value::Text(format!("{rate:.1}")))
        .evidence("ports_used_in_steady_state", Value::Count(steady));
    let finding = match exhausted_in_ms {
        Some(ms) => finding.evidence("exhausted_in_ms", Value::Millis(ms)),
        None => finding,
    };
    let finding = finding.remedy(remedy(facts, path, settings));
    sockets
        .iter()
        .fold(finding, |finding, socket| finding.socket(facts, socket))
}

fn remedy(facts: &HostFacts, path: Path, settings: &Settings) -> String {
    let inside = match facts.namespace(path.ns) {
        Some(ns) if ns.name != "host" => format!(" (in namespace {})", ns.name),
        _ => String::new(),
    };
    let reuse = match (settings.reuse, settings.timestamps) {
        (Some(1), true) => String::new(),
        (_, true) => format!(
            "`sysctl -w net.ipv4.tcp_tw_reuse=1`{inside} lets new connections take over ports in \
             TIME_WAIT, if the peer sends timestamps too; "
        ),
        (_, false) => format!(
            "`sysctl -w net.ipv4.tcp_timestamps=1 net.ipv4.tcp_tw_reuse=1`{inside} lets new \
             connections take over ports in TIME_WAIT, if the peer sends timestamps too; "
        ),
    };
    format!(
        "{reuse}keep connections to {} open and reuse them (a pool, HTTP keep-alive), or let the \
         peer close first; also: a wider net.ipv4.ip_local_port_range, more local addresses",
        path.remote
    )
}

#[cfg(test)]
mod tests;
