//! `user-timeout-conflict`: `TCP_USER_TIMEOUT` does not do what its setter meant.

use crate::doctor::group::{Group, by_service, ms};
use crate::doctor::guard::{Guard, guard_of, needs_guard, unseen_settings};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket};
use crate::keepalive::Keepalive;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "user-timeout-conflict",
    summary: "TCP_USER_TIMEOUT overrides the keepalive count, or stands alone",
    explanation: "\
TCP_USER_TIMEOUT (U) bounds how long sent data may stay unacknowledged (RFC 5482). \
On Linux it does two more things that surprise. With keepalive on, the count N no \
longer matters: an idle connection ends I + V·max(1, ⌈(U−I)/V⌉) after the last \
byte received, not I + V·N; with U ≤ I the very first unanswered probe ends it, so \
one lost segment kills a living connection. And without keepalive, U never ends an \
idle connection: with nothing in flight there is nothing to time out.

ayt reads the settings of ESTABLISHED connections to other hosts. It tells those \
where U changes the number of probes, with both times: a warning where a single \
lost probe would decide, else a notice. And those with U, without keepalive, on \
which no data went for a minute. Whoever set U on purpose knowing this, or relies \
on heartbeats of the program, may ignore the second.

A U that agrees with keepalive lies above I + V·(N−1) and not above I + V·N.

Sources: Linux net/ipv4/tcp_timer.c, tcp_keepalive_timer(); tcp(7), \
TCP_USER_TIMEOUT; RFC 5482; RFC 1122 4.2.3.6 (one unanswered probe is not death).",
    remedy: "set U = I + V·N where both are wanted (`ayt arm FILTERS --keepalive 60/5/3 \
--user-timeout 75s`), and keepalive wherever U is set",
    check,
};

/// Why U and keepalive do not fit, with the settings I, V, N, U(ms).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Masked(u32, u32, u32, u32),
    Alone,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let told = facts.sockets.iter().filter_map(|socket| {
        let kind = match guard_of(facts, socket) {
            Guard::On(settings) => masked(settings)?,
            Guard::Off(settings) => {
                let idle = socket.idle_ms() >= Some(ms(limits.idle_after));
                (settings.user_timeout_ms > 0 && idle).then_some(Kind::Alone)?
            }
            Guard::TimerRuns | Guard::Unknown(_) => return None,
        };
        needs_guard(facts, socket).then_some((socket, kind))
    });
    let groups = by_service(facts, told);
    Outcome {
        findings: groups.iter().filter_map(|g| finding(facts, g)).collect(),
        unknown: unseen_settings(facts).into_iter().collect(),
    }
}

/// The settings, where U changes when an idle connection ends.
fn masked(settings: &Keepalive) -> Option<Kind> {
    let changed = settings.user_timeout_ms > 0
        && settings.idle_detection() != without_user_timeout(settings).idle_detection();
    changed.then_some(Kind::Masked(
        settings.idle_s,
        settings.interval_s,
        settings.count,
        settings.user_timeout_ms,
    ))
}

fn without_user_timeout(settings: &Keepalive) -> Keepalive {
    Keepalive {
        user_timeout_ms: 0,
        ..*settings
    }
}

fn finding(facts: &HostFacts, group: &Group<'_, Kind>) -> Option<Finding> {
    let filters = group.filters();
    let has = format!(
        "{} has {} {}",
        group.who(),
        group.connections(""),
        group.place()
    );
    Some(match group.kind {
        Kind::Masked(idle_s, interval_s, count, user_timeout_ms) => {
            let settings = Keepalive {
                enabled: true,
                idle_s,
                interval_s,
                count,
                user_timeout_ms,
            };
            let meant = ms(without_user_timeout(&settings).idle_detection()?);
            let really = ms(settings.idle_detection()?);
            let interval_ms = u64::from(interval_s.max(1)) * 1000;
            let probes = (really - u64::from(idle_s) * 1000) / interval_ms;
            // One unanswered probe is not death (RFC 1122).
            let severity = if probes < 2 && count > 1 {
                Severity::Warning
            } else {
                Severity::Notice
            };
            let plural = if probes == 1 { "" } else { "s" };
            let summary = format!(
                "{has} whose user timeout {} overrides keepalive {idle_s}/{interval_s}/{count}: a \
                 vanished peer is noticed after {} and {probes} probe{plural}, not after {} and \
                 {count}",
                Ms(u64::from(user_timeout_ms)),
                Ms(really),
                Ms(meant),
            );
            let fitting = meant.div_ceil(1000);
            let finding = group.finding(&RULE, severity, summary, |_| String::new());
            finding
                .evidence("keepalive", Value::Text(settings.to_string()))
                .evidence("detection_ms", Value::Millis(really))
                .evidence("detection_without_user_timeout_ms", Value::Millis(meant))
                .remedy(format!(
                    "`ayt arm {filters} --keepalive {idle_s}/{interval_s}/{count} --user-timeout \
                     {fitting}s` lets both agree; the program should set U = I + V·N"
                ))
        }
        Kind::Alone => {
            let user_timeout = group.span(|socket| {
                let settings = facts.keepalive.get(&socket.cookie)?.known()?;
                Some(u64::from(settings.user_timeout_ms))
            })?;
            let idle = group.span(Socket::idle_ms)?;
            let summary = format!(
                "{has} with user timeout {user_timeout} but no keepalive, idle for {idle}: it \
                 never ends an idle connection"
            );
            let finding = group.finding(&RULE, Severity::Notice, summary, |_| String::new());
            finding
                .evidence("user_timeout_at_most_ms", Value::Millis(user_timeout.most))
                .evidence("idle_at_most_ms", Value::Millis(idle.most))
                .remedy(format!(
                    "`ayt arm {filters} --keepalive 60/5/3 --user-timeout 75s` adds keepalive that \
                     agrees with it"
                ))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Fact, Why};
    use crate::facts::sample::{Sample, keepalive, keepalive_off, set_quiet, socket};
    use crate::tcp_state::TcpState;

    fn sample(base: Keepalive, user_timeout_ms: u32, quiet_ms: u32) -> Sample {
        let mut socket = socket(4, TcpState::Established, "10.0.0.1:22", "10.0.0.2:50000");
        set_quiet(&mut socket, quiet_ms);
        let settings = Keepalive {
            user_timeout_ms,
            ..base
        };
        Sample::new()
            .owned(socket, 812, "sshd", 9)
            .with_keepalive(4, Fact::Known(settings))
    }

    fn run(sample: Sample) -> Outcome {
        check(&sample.facts(), &Limits::default())
    }

    #[test]
    fn a_masked_count_is_told_with_both_times() {
        let outcome = run(sample(keepalive(60, 5, 3), 90_000, 0));
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            finding.summary,
            "sshd (pid 812) has 1 connection on port 22 whose user timeout 1m30s overrides \
             keepalive 60/5/3: a vanished peer is noticed after 1m30s and 6 probes, not after \
             1m15s and 3"
        );
        assert_eq!(finding.severity, Severity::Notice);
        assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 9));
        assert!(finding.remedy.starts_with(
            "`ayt arm --pid 812 --local :22 --keepalive 60/5/3 --user-timeout 75s` lets"
        ));
    }

    #[test]
    fn a_single_probe_that_decides_is_a_warning() {
        let outcome = run(sample(keepalive(60, 5, 3), 20_000, 0));
        assert_eq!(outcome.findings[0].severity, Severity::Warning);
        assert!(
            outcome.findings[0]
                .summary
                .ends_with("noticed after 1m5s and 1 probe, not after 1m15s and 3")
        );
    }

    #[test]
    fn a_user_timeout_alone_never_ends_an_idle_connection() {
        assert_eq!(
            run(sample(keepalive_off(), 20_000, 90_000)).findings[0].summary,
            "sshd (pid 812) has 1 connection on port 22 with user timeout 20s but no keepalive, \
             idle for 1m30s: it never ends an idle connection"
        );
        assert_eq!(
            run(sample(keepalive_off(), 20_000, 59_000)),
            Outcome::default()
        );
    }

    #[test]
    fn silent_where_both_agree_or_only_one_is_set() {
        for user_timeout in [0, 70_001, 75_000] {
            let agreeing = sample(keepalive(60, 5, 3), user_timeout, 90_000);
            assert_eq!(run(agreeing), Outcome::default(), "{user_timeout}");
        }
        assert_eq!(run(sample(keepalive_off(), 0, 90_000)), Outcome::default());
    }

    #[test]
    fn unknown_settings_are_counted_not_guessed() {
        let unknown = sample(keepalive(60, 5, 3), 20_000, 0)
            .with_keepalive(4, Fact::Unknown(Why::OwnerHidden));
        let outcome = run(unknown);
        assert!(outcome.findings.is_empty());
        assert_eq!(
            outcome.unknown[0].to_string(),
            "keepalive of 1 connection is unknown (its owner is hidden): run as root or grant \
             CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
        );
    }
}
