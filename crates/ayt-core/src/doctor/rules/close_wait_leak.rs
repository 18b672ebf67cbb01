//! `close-wait-leak`: the peer closed; the own program never does.

use crate::doctor::overdue::{Overdue, overdue};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value, commands};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "close-wait-leak",
    summary: "a program does not close connections that its peers have closed",
    explanation: "\
CLOSE_WAIT means: the peer has sent FIN and the kernel waits for the program on \
this side to close as well. No timer ends this state (RFC 9293 3.3.2): a program \
that never closes keeps the socket, its memory and its descriptor until it exits, \
and meets \"too many open files\" on the way.

ayt counts, by program and local port (or remote endpoint, where this side had \
connected), the CLOSE_WAIT sockets that have a descriptor, have nothing queued to \
send, and have been in the state for a minute (or, from three of one kind on, for \
two seconds). The age is a lower bound: the kernel exports none, and the last \
acknowledgement is not older than the FIN unless the program went on sending. A \
program may half-close on purpose and still send; one that is sending is not \
accused. A connection pool that looks at its idle connections only now and then \
shows a few that go away by themselves.

A server reads 0 bytes (`read() == -1` in Java, an empty result in Python) when \
the peer has closed; closing then is the cure. Destroying the socket from outside \
frees the kernel's connection, not the descriptor.",
    remedy: "make the program close a connection when a read returns 0; until \
then restart it before its descriptors run out",
    check,
};

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let owed = |socket: &Socket| socket.state == TcpState::CloseWait && socket.send_queue == 0;
    Outcome {
        findings: overdue(facts, limits, owed, finding),
        unknown: Vec::new(),
    }
}

fn finding(leaked: &Overdue<'_, '_>) -> Finding {
    let group = leaked.group;
    let unread = group.sockets.iter();
    let unread: u64 = unread.map(|socket| u64::from(socket.unread_bytes())).sum();
    let summary = format!(
        "{} has not closed {} {} that the peer closed at least {} ago",
        group.who(),
        group.connections(""),
        group.place(),
        Ms(leaked.oldest)
    );
    let finding = leaked
        .finding(&RULE, Severity::Critical, summary)
        .evidence("unread_bytes", Value::Bytes(unread));
    let Some(owner) = finding.owners.first() else {
        return finding;
    };
    let pid = owner.pid;
    finding.remedy(commands::and_why(
        RULE.remedy,
        pid,
        "what its threads do instead",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample::{Sample, set_quiet, socket};

    fn close_wait(cookie: u32, quiet_ms: u32) -> Socket {
        let mut socket = socket(cookie, TcpState::CloseWait, "10.0.0.1:80", "10.0.0.2:4000");
        set_quiet(&mut socket, quiet_ms);
        socket
    }

    fn run(sample: Sample) -> Outcome {
        check(&sample.facts(), &Limits::default())
    }

    #[test]
    fn one_old_leak_fires_with_who_and_how_long() {
        let mut leaked = close_wait(7, 61_000);
        // The peer's FIN counts as one.
        leaked.receive_queue = 13;
        let outcome = run(Sample::new().owned(leaked, 812, "leaky", 9));
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            finding.summary,
            "leaky (pid 812) has not closed 1 connection on port 80 that the peer closed at \
             least 1m1s ago"
        );
        assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 9));
        assert_eq!(finding.evidence[2].value, Value::Bytes(12));
    }

    #[test]
    fn a_pile_fires_before_the_minute() {
        let pile = (1..=3).fold(Sample::new(), |sample, cookie| {
            sample.owned(close_wait(cookie, 2_500), 812, "leaky", cookie)
        });
        assert_eq!(run(pile).findings[0].connections.len(), 3);
        let two = (1..=2).fold(Sample::new(), |sample, cookie| {
            sample.owned(close_wait(cookie, 2_500), 812, "leaky", cookie)
        });
        assert!(run(two).findings.is_empty());
    }

    #[test]
    fn a_client_that_never_closes_is_one_culprit() {
        let crawler = (1..=5).fold(Sample::new(), |sample, at| {
            let mut socket = close_wait(at, 2_500);
            socket.local = format!("10.0.0.1:{}", 40_000 + at).parse().unwrap();
            socket.remote = format!("10.0.1.{at}:443").parse().unwrap();
            sample.owned(socket, 9, "crawler", at)
        });
        assert_eq!(
            run(crawler).findings[0].summary,
            "crawler (pid 9) has not closed 5 connections to 5 remote endpoints that the peer \
             closed at least 2.5s ago"
        );
    }

    #[test]
    fn silent_on_a_fresh_one_on_one_still_sending_and_on_living_connections() {
        let mut sending = close_wait(2, 61_000);
        sending.send_queue = 100;
        let mut alive = close_wait(3, 61_000);
        alive.state = TcpState::Established;
        let healthy = Sample::new()
            .owned(close_wait(1, 900), 1, "a", 3)
            .owned(sending, 2, "b", 3)
            .owned(alive, 3, "c", 3);
        assert_eq!(run(healthy), Outcome::default());
    }

    #[test]
    fn a_leak_without_account_of_time_is_not_guessed() {
        let mut unknown = close_wait(1, 61_000);
        unknown.tcp = None;
        assert_eq!(
            run(Sample::new().owned(unknown, 1, "a", 3)),
            Outcome::default()
        );
    }
}
