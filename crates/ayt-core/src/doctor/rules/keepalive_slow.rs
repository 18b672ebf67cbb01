//! `keepalive-slow`: keepalive is on, and would take too long.

use crate::doctor::group::{Group, Span, by_service, ms};
use crate::doctor::guard::{Guard, guard_of, needs_guard, unseen_settings};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket};
use crate::keepalive::Keepalive;

/// Linux's `tcp_keepalive_time` where nobody changed it, seconds
/// (`TCP_KEEPALIVE_TIME` in `include/net/tcp.h`).
const DEFAULT_IDLE_S: u32 = 7200;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "keepalive-slow",
    summary: "keepalive is on but takes too long to notice a vanished peer",
    explanation: "\
With keepalive I/V/N an idle connection whose peer has vanished is ended I + V·N \
after the last byte received; with a user timeout U, I + V·max(1, ⌈(U−I)/V⌉). A \
program that only turns SO_KEEPALIVE on gets the kernel's 7200/75/9: 2 h 11 min, \
in which a server collects ghosts and a reader hangs.

ayt reads the settings from the socket and computes the time; over 15 minutes is \
told, for ESTABLISHED connections to other hosts. Where the settings cannot be \
read, the kernel's keepalive timer still shows a lower bound: a first probe that \
is an hour away is slow whatever the rest says. Slow is right for a connection \
that nobody misses and whose traffic is billed: a shorter time costs one empty \
segment and its answer for each idle time.

The sysctls net.ipv4.tcp_keepalive_time, _intvl and _probes change what a socket \
gets that set no times of its own; a living connection follows when its present \
timer has run out.

Sources: Linux net/ipv4/tcp_timer.c, tcp_keepalive_timer(); tcp(7); RFC 1122 \
4.2.3.6.",
    remedy: "`ayt arm FILTERS --keepalive 60/5/3` sets shorter times on living connections; \
the program should set TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT beside SO_KEEPALIVE",
    check,
};

/// Whether the settings were read, or only the timer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Read,
    Timer,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let slow = facts.sockets.iter().filter_map(|socket| {
        let (kind, slow) = match guard_of(facts, socket) {
            Guard::On(settings) => {
                let slow = settings.idle_detection()? > limits.keepalive_budget;
                (Kind::Read, slow)
            }
            Guard::TimerRuns => {
                let first_probe = u64::from(socket.timer.expires_ms);
                (Kind::Timer, first_probe > ms(limits.keepalive_budget))
            }
            Guard::Off(_) | Guard::Unknown(_) => return None,
        };
        (slow && needs_guard(facts, socket)).then_some((socket, kind))
    });
    let groups = by_service(facts, slow);
    Outcome {
        findings: groups.iter().filter_map(|g| finding(facts, g)).collect(),
        unknown: unseen_settings(facts).into_iter().collect(),
    }
}

fn finding(facts: &HostFacts, group: &Group<'_, Kind>) -> Option<Finding> {
    let (who, place) = (group.who(), group.place());
    let connections = group.connections("");
    let finding = match group.kind {
        Kind::Read => {
            let settings = group.sockets.iter().filter_map(|s| settings_of(facts, s));
            let slowest = settings.max_by_key(|settings| settings.idle_detection())?;
            let times = Span::of(group.sockets.iter().filter_map(|s| detection(facts, s)))?;
            let most = if times.least == times.most {
                ""
            } else {
                "up to "
            };
            let default = if slowest.idle_s == DEFAULT_IDLE_S {
                ", the kernel's 2 h default,"
            } else {
                ""
            };
            group
                .finding(
                    &RULE,
                    Severity::Notice,
                    format!(
                        "{who} has {connections} {place} whose keepalive {slowest}{default} takes \
                         {most}{} to notice a vanished peer",
                        Ms(times.most)
                    ),
                    |socket| {
                        let settings = settings_of(facts, socket);
                        settings.map_or_else(String::new, |s| format!("keepalive {s}"))
                    },
                )
                .evidence("keepalive", Value::Text(slowest.to_string()))
                .evidence("detection_ms", Value::Millis(times.most))
        }
        Kind::Timer => {
            let probe = group.span(|socket| Some(u64::from(socket.timer.expires_ms)))?;
            group
                .finding(
                    &RULE,
                    Severity::Notice,
                    format!(
                        "{who} has {connections} {place} whose keepalive sends its next probe only \
                         in {probe} (settings unknown)"
                    ),
                    |socket| format!("next probe in {}", Ms(u64::from(socket.timer.expires_ms))),
                )
                .evidence("next_probe_at_most_ms", Value::Millis(probe.most))
        }
    };
    Some(finding.remedy(format!(
        "`ayt arm {} --keepalive 60/5/3` finds one within 75s; the program should set \
         TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT beside SO_KEEPALIVE",
        group.filters()
    )))
}

fn settings_of<'a>(facts: &'a HostFacts, socket: &Socket) -> Option<&'a Keepalive> {
    facts.keepalive.get(&socket.cookie)?.known()
}

fn detection(facts: &HostFacts, socket: &Socket) -> Option<u64> {
    Some(ms(settings_of(facts, socket)?.idle_detection()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Fact, Why};
    use crate::facts::TimerKind;
    use crate::facts::sample::{Sample, keepalive, keepalive_off, socket};
    use crate::tcp_state::TcpState;

    fn connection(cookie: u32) -> Socket {
        let remote = format!("10.0.0.2:{}", 50_000 + cookie);
        socket(cookie, TcpState::Established, "10.0.0.1:22", &remote)
    }

    fn with(sample: Sample, cookie: u32, settings: Keepalive) -> Sample {
        sample
            .owned(connection(cookie), 812, "sshd", cookie)
            .with_keepalive(cookie, Fact::Known(settings))
    }

    fn run(sample: Sample) -> Outcome {
        check(&sample.facts(), &Limits::default())
    }

    #[test]
    fn the_kernels_default_is_named() {
        let outcome = run(with(Sample::new(), 4, keepalive(7200, 75, 9)));
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            finding.summary,
            "sshd (pid 812) has 1 connection on port 22 whose keepalive 7200/75/9, the kernel's \
             2 h default, takes 2h11m to notice a vanished peer"
        );
        assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 4));
        assert_eq!(finding.evidence[2].value, Value::Millis(7_875_000));
        assert!(
            finding
                .remedy
                .starts_with("`ayt arm --pid 812 --local :22 --keepalive 60/5/3`")
        );
    }

    #[test]
    fn the_slowest_of_several_speaks_for_all() {
        let sample = with(Sample::new(), 1, keepalive(900, 10, 3));
        assert_eq!(
            run(with(sample, 2, keepalive(3600, 60, 5))).findings[0].summary,
            "sshd (pid 812) has 2 connections on port 22 whose keepalive 3600/60/5 takes up to \
             1h5m to notice a vanished peer"
        );
    }

    #[test]
    fn silent_on_fast_off_local_and_on_a_user_timeout_that_makes_it_fast() {
        let mut local = connection(4);
        local.remote = "10.0.0.1:50004".parse().unwrap();
        let capped = Keepalive {
            user_timeout_ms: 75_000,
            ..keepalive(60, 5, 127)
        };
        let healthy = with(Sample::new(), 1, keepalive(60, 5, 3));
        let healthy = with(healthy, 2, keepalive_off());
        let healthy = with(healthy, 3, capped)
            .owned(local, 812, "sshd", 4)
            .with_keepalive(4, Fact::Known(keepalive(7200, 75, 9)));
        assert_eq!(run(healthy), Outcome::default());
    }

    #[test]
    fn unknown_settings_are_counted_and_a_far_timer_is_enough() {
        let mut far = connection(1);
        far.timer.kind = TimerKind::Keepalive;
        far.timer.expires_ms = 7_000_000;
        let mut near = far.clone();
        near.cookie.0 = 2;
        near.timer.expires_ms = 60_000;
        let outcome = run(Sample::new()
            .owned(far, 812, "sshd", 4)
            .with_keepalive(1, Fact::Unknown(Why::OwnerHidden))
            .owned(near, 812, "sshd", 5));
        assert_eq!(
            outcome.findings[0].summary,
            "sshd (pid 812) has 1 connection on port 22 whose keepalive sends its next probe \
             only in 1h56m (settings unknown)"
        );
        assert_eq!(outcome.findings.len(), 1);
        assert_eq!(
            outcome.unknown[0].what,
            "keepalive of 2 connections is unknown"
        );
    }
}
