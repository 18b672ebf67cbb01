//! `no-keepalive`: idle connections that nothing watches.

use crate::doctor::group::{Group, by_service, ms};
use crate::doctor::guard::{Guard, gap, guard_of, needs_guard};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "no-keepalive",
    summary: "idle connections without keepalive: nothing would notice a vanished peer",
    explanation: "\
Keepalive is off on a TCP socket unless the program turns it on (RFC 1122 \
4.2.3.6). An idle connection without it stays ESTABLISHED for ever when its peer \
vanishes: no data is in flight, so nothing can time out, and TCP_USER_TIMEOUT \
alone does not help.

ayt names ESTABLISHED connections to other hosts on which no data went either way \
for a minute and whose settings, read from the socket, say off. A peer on this \
host is left out: it cannot vanish without its kernel telling ours. Settings that \
cannot be read are counted as unknown, unless the kernel shows a keepalive timer \
on the connection. A program with heartbeats of its own needs none: keepalive \
asks the peer's kernel, a heartbeat its program.

`ayt arm` turns it on for running processes, without restarting them; the \
program's own cure is SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL and \
TCP_KEEPCNT. The sysctls net.ipv4.tcp_keepalive_* change the times, not whether it \
is on.

Sources: RFC 1122 4.2.3.6; RFC 9293 3.8.4; tcp(7); socket(7).",
    remedy: "`ayt arm FILTERS --keepalive 60/5/3` turns it on for running processes; the \
program should set SO_KEEPALIVE and its times itself",
    check,
};

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let idle: Vec<_> = facts
        .sockets
        .iter()
        .filter(|socket| {
            socket.idle_ms() >= Some(ms(limits.idle_after)) && needs_guard(facts, socket)
        })
        .map(|socket| (socket, guard_of(facts, socket)))
        .collect();
    let off = idle
        .iter()
        .filter(|(_, guard)| matches!(guard, Guard::Off(_)))
        .map(|&(socket, _)| (socket, ()));
    let unknown = idle.iter().filter_map(|&(_, guard)| match guard {
        Guard::Unknown(why) => Some(why),
        _ => None,
    });
    Outcome {
        findings: by_service(facts, off).iter().filter_map(finding).collect(),
        unknown: gap("idle ", unknown).into_iter().collect(),
    }
}

fn finding(group: &Group<'_, ()>) -> Option<Finding> {
    let idle = group.span(Socket::idle_ms)?;
    let summary = format!(
        "{} has {} {} without keepalive, idle for {idle}: {}",
        group.who(),
        group.connections(""),
        group.place(),
        group.words(
            "if its peer vanishes, nothing will notice",
            "if a peer vanishes, nothing will notice"
        ),
    );
    let arm = format!("`ayt arm {} --keepalive 60/5/3`", group.filters());
    Some(
        group
            .finding(&RULE, Severity::Notice, summary, |socket| {
                let idle = socket.idle_ms();
                idle.map_or_else(String::new, |idle| format!("idle for {}", Ms(idle)))
            })
            .evidence("idle_at_least_ms", Value::Millis(idle.least))
            .evidence("idle_at_most_ms", Value::Millis(idle.most))
            .remedy(format!(
                "{arm} turns it on for {}; the program should set SO_KEEPALIVE and its times \
                 itself",
                group.words("this connection", "these connections")
            )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Fact, Why};
    use crate::facts::TimerKind;
    use crate::facts::sample::{Sample, keepalive, keepalive_off, set_quiet, socket};
    use crate::tcp_state::TcpState;

    fn idle(cookie: u32, quiet_ms: u32) -> Socket {
        let remote = format!("10.0.0.2:{}", 50_000 + cookie);
        let mut socket = socket(cookie, TcpState::Established, "10.0.0.1:6379", &remote);
        set_quiet(&mut socket, quiet_ms);
        socket
    }

    fn off(sample: Sample, socket: Socket) -> Sample {
        let cookie = socket.inode;
        sample
            .owned(socket, 812, "redis-server", cookie)
            .with_keepalive(cookie, Fact::Known(keepalive_off()))
    }

    fn run(sample: Sample) -> Outcome {
        check(&sample.facts(), &Limits::default())
    }

    #[test]
    fn idle_connections_with_keepalive_off_are_told_with_the_command_to_arm_them() {
        let outcome = run(off(Sample::new(), idle(9, 60_000)));
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            finding.summary,
            "redis-server (pid 812) has 1 connection on port 6379 without keepalive, idle for \
             1m: if its peer vanishes, nothing will notice"
        );
        assert_eq!(finding.severity, Severity::Notice);
        assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 9));
        assert_eq!(finding.evidence[1].value, Value::Millis(60_000));
        assert!(
            finding
                .remedy
                .starts_with("`ayt arm --pid 812 --local :6379 --keepalive 60/5/3` turns it on"),
        );
        let two = off(off(Sample::new(), idle(1, 60_000)), idle(2, 3_600_000));
        assert_eq!(
            run(two).findings[0].summary,
            "redis-server (pid 812) has 2 connections on port 6379 without keepalive, idle for \
             1m to 1h: if a peer vanishes, nothing will notice"
        );
    }

    #[test]
    fn silent_on_what_is_busy_guarded_local_or_closing() {
        let mut local = idle(3, 90_000);
        local.remote = "10.0.0.1:50003".parse().unwrap();
        let mut closing = idle(4, 90_000);
        closing.state = TcpState::CloseWait;
        let healthy = off(Sample::new(), idle(1, 59_000))
            .owned(idle(2, 90_000), 1, "guarded", 3)
            .with_keepalive(2, Fact::Known(keepalive(60, 5, 3)));
        assert_eq!(run(off(off(healthy, local), closing)), Outcome::default());
    }

    #[test]
    fn unknown_settings_are_counted_once_unless_a_timer_shows_keepalive() {
        let mut timer_runs = idle(3, 90_000);
        timer_runs.timer.kind = TimerKind::Keepalive;
        let why = Why::NoRight {
            operation: "duplicate descriptor 3 of pid 1".to_owned(),
            remedy: "run as root".to_owned(),
        };
        let outcome = run(Sample::new()
            .owned(idle(1, 90_000), 1, "a", 3)
            .with_keepalive(1, Fact::Unknown(why))
            .owned(idle(2, 90_000), 1, "a", 4)
            .owned(timer_runs, 1, "a", 5)
            .unowned(idle(4, 90_000)));
        assert!(outcome.findings.is_empty());
        let told: Vec<_> = outcome.unknown.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "keepalive of 2 idle connections is unknown (no right to duplicate descriptor 3 of \
              pid 1): run as root"
            ]
        );
    }
}
