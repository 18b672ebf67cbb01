use super::*;
use crate::facts::sample::{Sample, set_quiet, socket};

/// An orphan with 100 B that its peer does not acknowledge.
fn unanswered(cookie: u32, state: TcpState) -> Socket {
    let remote = format!("10.0.0.9:{}", 4000 + cookie);
    let mut socket = socket(cookie, state, "10.0.0.1:80", &remote);
    set_quiet(&mut socket, 20_000 + cookie);
    socket.send_queue = 100;
    socket.timer.kind = TimerKind::Retransmit;
    if let Some(tcp) = &mut socket.tcp {
        tcp.retransmits = 5;
    }
    socket
}

fn of_each(sockets: impl IntoIterator<Item = Socket>) -> Sample {
    sockets.into_iter().fold(Sample::new(), Sample::unowned)
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

#[test]
fn a_pile_to_one_silent_peer_is_named() {
    let pile = [TcpState::FinWait1, TcpState::FinWait1, TcpState::LastAck];
    let outcome = run(of_each(
        (1..).zip(pile).map(|(n, state)| unanswered(n, state)),
    ));
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        finding.summary,
        "10.0.0.9 does not answer: 3 connections to it closed here cannot be finished \
         (FIN_WAIT_1 2, LAST_ACK 1), the oldest for 20s"
    );
    assert_eq!(finding.severity, Severity::Notice);
    assert_eq!(finding.evidence[1].value, Value::Bytes(300));
    assert!(finding.owners.is_empty());
    assert_eq!(
        finding.connections[0].note,
        "100 B queued, 5 retransmissions, silent for 20s"
    );
}

#[test]
fn a_peer_that_answers_and_does_not_read_is_told_apart() {
    let outcome = run(of_each((1..=3).map(|cookie| {
        let mut shut = unanswered(cookie, TcpState::FinWait1);
        shut.timer.kind = TimerKind::WindowProbe;
        if let Some(tcp) = &mut shut.tcp {
            (tcp.retransmits, tcp.last_ack_recv_ms) = (0, 300);
        }
        shut
    })));
    assert!(
        outcome.findings[0]
            .summary
            .starts_with("10.0.0.9 does not read: 3 connections"),
        "{outcome:?}"
    );
}

#[test]
fn all_of_them_against_the_kernel_s_limit() {
    let healthy = |cookie| {
        let mut young = unanswered(cookie, TcpState::LastAck);
        set_quiet(&mut young, 10);
        young
    };
    for (count, severity) in [
        (39, None),
        (40, Some(Severity::Warning)),
        (80, Some(Severity::Critical)),
    ] {
        let sample = of_each((1..=count).map(healthy)).sysctl("ipv4/tcp_max_orphans", "100");
        let outcome = run(sample);
        assert_eq!(
            outcome.findings.first().map(|one| one.severity),
            severity,
            "{count}"
        );
    }
    let sample = of_each((1..=40).map(healthy)).sysctl("ipv4/tcp_max_orphans", "100");
    assert_eq!(
        run(sample).findings[0].summary,
        "40 closed connections are not finished, 40 % of the 100 orphans the kernel keeps \
         before it resets them"
    );
}

#[test]
fn silent_on_a_few_on_young_ones_and_on_small_fin_wait_2() {
    let two = (1..=2).map(|n| unanswered(n, TcpState::FinWait1));
    let young = (3..=6).map(|n| {
        let mut young = unanswered(n, TcpState::FinWait1);
        set_quiet(&mut young, 500);
        young
    });
    let waiting = (7..=500).map(|n| {
        let mut small = unanswered(n, TcpState::FinWait2);
        small.tcp = None;
        small
    });
    let sample = of_each(two.chain(young).chain(waiting)).sysctl("ipv4/tcp_max_orphans", "100");
    assert_eq!(run(sample), Outcome::default());
    // With a descriptor they are no orphans.
    let owned = (1..=5).fold(Sample::new(), |sample, n| {
        sample.owned(unanswered(n, TcpState::FinWait1), 1, "a", n)
    });
    assert_eq!(run(owned), Outcome::default());
}

#[test]
fn an_unknown_limit_is_said_once_it_could_matter() {
    let orphans = |count| {
        let mut sample = of_each((1..=count).map(|n| {
            let mut young = unanswered(n, TcpState::LastAck);
            set_quiet(&mut young, 10);
            young
        }));
        sample.0.namespaces[0]
            .sysctls
            .0
            .remove("ipv4/tcp_max_orphans");
        sample
    };
    assert_eq!(run(orphans(5)), Outcome::default());
    let outcome = run(orphans(400));
    assert!(outcome.findings.is_empty());
    assert_eq!(
        outcome.unknown[0].what,
        "whether 400 orphaned sockets are too many"
    );
}
