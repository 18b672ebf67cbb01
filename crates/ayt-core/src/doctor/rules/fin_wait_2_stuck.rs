//! `fin-wait-2-stuck`: this side has closed one direction, and waits for a peer
//! that never closes the other.

use crate::doctor::overdue::{Overdue, overdue};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket, TimerKind};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "fin-wait-2-stuck",
    summary: "half-closed connections whose peers never close, with no timer to end them",
    explanation: "\
FIN_WAIT_2 means: this side has sent FIN, the peer has acknowledged it, and now \
owes its own. A program that called shutdown() and still holds the descriptor \
waits without limit: the sysctl tcp_fin_timeout ends only orphans, sockets that \
were really closed, and those do not pass into TIME_WAIT either. If the peer is \
gone, or never closes, socket and descriptor stay until the program exits.

ayt counts, by program and service, the FIN_WAIT_2 sockets with a descriptor on \
which the kernel runs no timer (so no keepalive either), and from which the peer \
was last heard at least a minute ago (or, from three of one kind on, two seconds). \
That is a lower bound of the age; the kernel exports none. A half-close is also \
meant to let the peer send on for long: one that sends is heard, and is not told; \
one that thinks for minutes before it answers is told wrongly.

Sources: RFC 9293 3.3.2, 3.6; tcp(7), tcp_fin_timeout; Linux net/ipv4/tcp_timer.c, \
tcp_keepalive_timer(); net/ipv4/tcp.c, tcp_close().",
    remedy: "make the program close() after a bounded wait for the peer's end; `ayt reap \
--state FIN_WAIT_2 FILTERS --fin-wait-2-over 1m --yes` ends those that are stuck",
    check,
};

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let owed =
        |socket: &Socket| socket.state == TcpState::FinWait2 && socket.timer.kind == TimerKind::Off;
    Outcome {
        findings: overdue(facts, limits, owed, finding),
        unknown: Vec::new(),
    }
}

fn finding(stuck: &Overdue<'_, '_>) -> Finding {
    let group = stuck.group;
    let summary = format!(
        "{} half-closed {} {} at least {} ago whose {} not closed in turn, and no timer runs",
        group.who(),
        group.connections(""),
        group.place(),
        Ms(stuck.oldest),
        group.words("peer has", "peers have"),
    );
    stuck
        .finding(&RULE, Severity::Warning, summary)
        .remedy(format!(
            "`ayt reap --state FIN_WAIT_2 {filters} --fin-wait-2-over {over} --yes` ends {them}; \
             `ayt arm --state FIN_WAIT_2 {filters} --keepalive 60/5/3` lets the kernel end what has \
             no peer any more; the program should close() after a bounded wait",
            filters = group.filters(),
            over = if stuck.oldest >= 60_000 { "1m" } else { "2s" },
            them = group.words("it", "them"),
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Value;
    use crate::facts::sample::{Sample, set_quiet, socket};

    fn half_closed(cookie: u32, quiet_ms: u32) -> Socket {
        let local = format!("10.0.0.1:{}", 40_000 + cookie);
        let mut socket = socket(cookie, TcpState::FinWait2, &local, "10.0.0.2:80");
        set_quiet(&mut socket, quiet_ms);
        socket
    }

    fn run(sample: Sample) -> Outcome {
        check(&sample.facts(), &Limits::default())
    }

    #[test]
    fn one_old_half_close_fires_with_who_and_how_long() {
        let outcome = run(Sample::new().owned(half_closed(7, 61_000), 812, "nc", 9));
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            finding.summary,
            "nc (pid 812) half-closed 1 connection to 10.0.0.2:80 at least 1m1s ago whose peer \
             has not closed in turn, and no timer runs"
        );
        assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 9));
        assert_eq!(finding.evidence[1].value, Value::Millis(61_000));
        assert!(finding.remedy.starts_with(
            "`ayt reap --state FIN_WAIT_2 --pid 812 --peer 10.0.0.2:80 --fin-wait-2-over 1m --yes`"
        ));
    }

    #[test]
    fn a_pile_fires_before_the_minute() {
        let pile = |count| {
            (1..=count).fold(Sample::new(), |sample, at| {
                sample.owned(half_closed(at, 2_500), 812, "nc", at)
            })
        };
        assert!(run(pile(2)).findings.is_empty());
        assert_eq!(
            run(pile(3)).findings[0].summary,
            "nc (pid 812) half-closed 3 connections to 10.0.0.2:80 at least 2.5s ago whose peers \
             have not closed in turn, and no timer runs"
        );
    }

    #[test]
    fn silent_on_orphans_fresh_ones_guarded_ones_and_open_connections() {
        let mut guarded = half_closed(2, 61_000);
        guarded.timer.kind = TimerKind::Keepalive;
        let mut open = half_closed(3, 61_000);
        open.state = TcpState::Established;
        let healthy = Sample::new()
            .unowned(half_closed(1, 61_000))
            .owned(guarded, 1, "a", 3)
            .owned(open, 1, "a", 4)
            .owned(half_closed(4, 900), 1, "a", 5);
        assert_eq!(run(healthy), Outcome::default());
    }

    #[test]
    fn one_without_account_of_time_is_not_guessed() {
        let mut unknown = half_closed(1, 61_000);
        unknown.tcp = None;
        assert_eq!(
            run(Sample::new().owned(unknown, 1, "a", 3)),
            Outcome::default()
        );
    }
}
