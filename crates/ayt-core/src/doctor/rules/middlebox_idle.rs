//! `middlebox-idle`: keepalive comes too late for the boxes on the way.

use std::net::IpAddr;
use std::time::Duration;

use crate::doctor::group::{Group, by_program, heard_ms, ms};
use crate::doctor::guard::{Guard, guard_of, needs_guard, unseen_settings};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket};
use crate::keepalive::Keepalive;
use crate::middleboxes::{MIDDLEBOXES, forgetting_within};

/// Keepalive slower than this is told for any connection that is idle: the
/// timeout of the commonest balancer and NAT gateway.
const COMMON_TIMEOUT_MS: u64 = 350_000;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "middlebox-idle",
    summary: "keepalive is slower than NAT and load balancers on the way forget",
    explanation: "\
NAT, firewalls and load balancers keep a table of connections and drop an entry \
that carried nothing for their idle timeout: often 4 to 10 minutes. Most say \
nothing. The connection is then cut in the middle, both ends believe in it, and \
whoever sends first learns it, minutes later. Keepalive holds the entry, if a \
probe comes in time: the kernel sends one every max(I, V).

ayt cannot see these boxes. It compares the interval with the known timeouts it \
ships (each with its source), for ESTABLISHED connections that have keepalive on \
and a peer with a public address, or one in a carrier's shared range 100.64/10: \
there something stateful is nearly always on the way. Peers in private networks \
are left out, since most are reached through switches and routers that keep no \
table; a balancer inside a private cloud network is therefore missed. Told once \
per program, and only where nothing came from the peer for longer than the \
shortest timeout and than the interval allows, or where the interval exceeds 350 s \
and no data went for a minute. If no such box is on the way, nothing is wrong.

A peer may send keepalive itself, which holds the entry as well; that cannot be \
seen from here. Connections without any keepalive are left to `no-keepalive`.

Sources: the table (`ayt-core/src/middleboxes.rs`), a source for each row; RFC \
5382 REQ-5; Linux net/ipv4/tcp_timer.c, tcp_keepalive_timer().",
    remedy: "`ayt arm FILTERS --keepalive 60/5/3`; any idle time under 4 minutes holds the \
entries of all boxes known to ayt",
    check,
};

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let told = facts.sockets.iter().filter(|socket| {
        interval_ms(facts, socket).is_some_and(|interval| is_late(socket, interval, limits))
            && is_across_the_internet(socket.remote.ip().to_canonical())
            && needs_guard(facts, socket)
    });
    let groups = by_program(facts, told.map(|socket| (socket, ())));
    Outcome {
        findings: groups.iter().filter_map(|g| finding(facts, g)).collect(),
        unknown: unseen_settings(facts).into_iter().collect(),
    }
}

/// How often the kernel probes while all is well; where only the timer can be
/// seen, at least this.
fn interval_ms(facts: &HostFacts, socket: &Socket) -> Option<u64> {
    match guard_of(facts, socket) {
        Guard::On(&Keepalive {
            idle_s, interval_s, ..
        }) => Some(u64::from(idle_s.max(interval_s)) * 1000),
        Guard::TimerRuns => Some(u64::from(socket.timer.expires_ms)),
        Guard::Off(_) | Guard::Unknown(_) => None,
    }
}

fn is_late(socket: &Socket, interval_ms: u64, limits: &Limits) -> bool {
    let shortest = MIDDLEBOXES.first().map_or(u64::MAX, |row| ms(row.idle));
    let was_silent = heard_ms(socket) > Some(shortest);
    let is_idle = socket.idle_ms() >= Some(ms(limits.idle_after));
    interval_ms > shortest && was_silent || interval_ms > COMMON_TIMEOUT_MS && is_idle
}

/// A public address, or one of a carrier's own NAT (RFC 6598).
fn is_across_the_internet(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(v4) => {
            let here = v4.is_private() || v4.is_loopback() || v4.is_link_local();
            let first = v4.octets()[0];
            !here && first != 0 && first < 224
        }
        // Global unicast, RFC 4291 2.4.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}

fn finding(facts: &HostFacts, group: &Group<'_, ()>) -> Option<Finding> {
    let interval = group.span(|socket| interval_ms(facts, socket))?;
    let silent = group.span(heard_ms)?;
    let boxes: Vec<_> = forgetting_within(Duration::from_millis(interval.most))
        .map(|row| format!("{} {}", row.name, Ms::from(row.idle)))
        .collect();
    let shortest = MIDDLEBOXES.first()?.idle;
    let summary = format!(
        "{} has {} across the internet with keepalive only every {interval}, silent for {silent}: \
         a box on the way may forget {} after {}",
        group.who(),
        group.connections(""),
        group.words("it", "them"),
        Ms::from(shortest),
    );
    let finding = group
        .finding(&RULE, Severity::Notice, summary, |socket| {
            let silent = heard_ms(socket);
            silent.map_or_else(String::new, |silent| format!("silent for {}", Ms(silent)))
        })
        .evidence("keepalive_every_at_most_ms", Value::Millis(interval.most))
        .evidence("heard_last_at_most_ms", Value::Millis(silent.most))
        .evidence("forgotten_by", Value::Text(boxes.join(", ")));
    Some(finding.remedy(format!(
        "`ayt arm {} --keepalive 60/5/3`; any idle time under {} holds the entries of all boxes \
         known to ayt",
        group.filters(),
        Ms::from(shortest)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Fact, Why};
    use crate::facts::TimerKind;
    use crate::facts::sample::{Sample, keepalive, keepalive_off, set_quiet, socket};
    use crate::tcp_state::TcpState;

    fn quiet(cookie: u32, remote: &str, ms: u32) -> Socket {
        let local = format!("10.0.0.1:{}", 40_000 + cookie);
        let mut socket = socket(cookie, TcpState::Established, &local, remote);
        set_quiet(&mut socket, ms);
        socket
    }

    fn with(sample: Sample, socket: Socket, settings: Keepalive) -> Sample {
        let cookie = socket.inode;
        sample
            .owned(socket, 812, "agent", cookie)
            .with_keepalive(cookie, Fact::Known(settings))
    }

    fn run(sample: Sample) -> Outcome {
        check(&sample.facts(), &Limits::default())
    }

    #[test]
    fn one_finding_per_program_names_interval_silence_and_boxes() {
        let sample = with(
            Sample::new(),
            quiet(4, "8.8.8.8:443", 280_000),
            keepalive(300, 75, 9),
        );
        let outcome = run(sample);
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            finding.summary,
            "agent (pid 812) has 1 connection across the internet with keepalive only every 5m, \
             silent for 4m40s: a box on the way may forget it after 4m"
        );
        assert_eq!(finding.severity, Severity::Notice);
        assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 4));
        assert_eq!(
            finding.evidence[3].value,
            Value::Text(
                "Azure Load Balancer 4m, Azure NAT Gateway 4m, IBM Cloud VPC public gateway 4m"
                    .to_owned()
            )
        );
        assert!(
            finding
                .remedy
                .starts_with("`ayt arm --pid 812 --keepalive 60/5/3`")
        );
    }

    #[test]
    fn a_very_slow_keepalive_is_told_as_soon_as_the_connection_is_idle() {
        let sample = with(
            Sample::new(),
            quiet(1, "8.8.8.8:443", 60_000),
            keepalive(7200, 75, 9),
        );
        let sample = with(
            sample,
            quiet(2, "100.64.0.9:80", 90_000),
            keepalive(7200, 75, 9),
        );
        assert_eq!(
            run(sample).findings[0].summary,
            "agent (pid 812) has 2 connections across the internet with keepalive only every 2h, \
             silent for 1m to 1m30s: a box on the way may forget them after 4m"
        );
    }

    #[test]
    fn silent_on_fast_busy_private_local_and_unguarded_connections() {
        let slow = keepalive(7200, 75, 9);
        let healthy = with(
            Sample::new(),
            quiet(1, "8.8.8.8:1", 600_000),
            keepalive(60, 5, 3),
        );
        let healthy = with(healthy, quiet(2, "8.8.8.8:2", 59_000), slow);
        let healthy = with(healthy, quiet(3, "192.168.1.9:80", 600_000), slow);
        let healthy = with(healthy, quiet(4, "127.0.0.1:80", 600_000), slow);
        let healthy = with(healthy, quiet(5, "8.8.8.8:5", 600_000), keepalive_off());
        let healthy = with(
            healthy,
            quiet(6, "8.8.8.8:6", 200_000),
            keepalive(300, 75, 9),
        );
        assert_eq!(run(healthy), Outcome::default());
    }

    #[test]
    fn only_public_and_shared_addresses_lie_across_the_internet() {
        for (address, across) in [
            ("8.8.8.8", true),
            ("100.64.0.1", true),
            ("172.32.0.1", true),
            ("172.16.0.1", false),
            ("169.254.1.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("2a00::1", true),
            ("fd00::1", false),
            ("fe80::1", false),
            ("::1", false),
        ] {
            assert_eq!(
                is_across_the_internet(address.parse().unwrap()),
                across,
                "{address}"
            );
        }
    }

    #[test]
    fn unknown_settings_are_counted_and_a_far_timer_is_enough() {
        let mut far = quiet(1, "8.8.8.8:443", 90_000);
        far.timer.kind = TimerKind::Keepalive;
        far.timer.expires_ms = 3_600_000;
        let unseen = quiet(2, "8.8.8.8:443", 90_000);
        let outcome = run(Sample::new()
            .owned(far, 812, "agent", 4)
            .with_keepalive(1, Fact::Unknown(Why::OwnerHidden))
            .owned(unseen, 812, "agent", 5));
        assert_eq!(outcome.findings[0].connections.len(), 1);
        assert_eq!(
            outcome.unknown[0].what,
            "keepalive of 2 connections is unknown"
        );
    }
}
