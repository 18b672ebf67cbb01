use super::*;
use crate::fact::{Fact, Why};
use crate::facts::Timer;
use crate::facts::sample::{Sample, keepalive_off, socket};
use crate::keepalive::Keepalive;

/// Unacknowledged after `count` retransmissions, the next of which is half over.
fn stuck(cookie: u32, count: u8) -> Socket {
    let remote = format!("10.0.0.2:{}", 50_000 + cookie);
    let mut socket = socket(cookie, TcpState::Established, "10.0.0.1:22", &remote);
    let rto_ms = 200 << count;
    socket.send_queue = 100;
    socket.timer = Timer {
        kind: TimerKind::Retransmit,
        count,
        expires_ms: rto_ms / 2,
    };
    if let Some(tcp) = &mut socket.tcp {
        tcp.retransmits = count;
        tcp.rto_us = rto_ms * 1000;
        tcp.last_ack_recv_ms = 13_000;
        tcp.last_data_recv_ms = 20_000;
    }
    socket
}

fn known(user_timeout_ms: u32) -> Fact<Keepalive> {
    Fact::Known(Keepalive {
        user_timeout_ms,
        ..keepalive_off()
    })
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

fn only(sample: Sample) -> Finding {
    let outcome = run(sample);
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    finding.clone()
}

#[test]
fn data_in_flight_is_told_with_when_the_kernel_gives_up() {
    // First retransmission 400 + 800 + 1600 + 1600 ms ago.
    let sample = Sample::new()
        .owned(stuck(1, 4), 812, "sshd", 9)
        .with_keepalive(1, known(0));
    let finding = only(sample);
    assert_eq!(
        finding.summary,
        "sshd (pid 812) has 1 connection on port 22 whose peer does not acknowledge data after 4 \
         retransmissions, heard last 13s ago; the kernel gives up in about 15m20s to 17m20s"
    );
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 9));
    // Not before 924.6 s, and at a timeout: those come at 924.4 and 1044.4 s.
    let times = &finding.evidence[finding.evidence.len() - 2..];
    assert_eq!(times[0].value, Value::Millis(924_600 - 4_400));
    assert_eq!(times[1].value, Value::Millis(1_044_400 - 4_400));
    assert!(
        finding
            .remedy
            .starts_with("`ayt probe --pid 812 --local :22` asks")
    );
}

#[test]
fn the_user_timeout_comes_first() {
    let sample = Sample::new()
        .owned(stuck(1, 4), 812, "sshd", 9)
        .with_keepalive(1, known(20_000))
        .owned(stuck(2, 2), 812, "sshd", 10)
        .with_keepalive(2, known(0));
    assert_eq!(
        only(sample).summary,
        "sshd (pid 812) has 2 connections on port 22 whose peers do not acknowledge data after 2 to \
         4 retransmissions, heard last 13s ago; the kernel gives up on the first in about 15s"
    );
}

#[test]
fn unknown_settings_make_it_the_latest_and_unknown_sysctls_leave_it_out() {
    let sample = || {
        Sample::new()
            .owned(stuck(1, 4), 812, "sshd", 9)
            .with_keepalive(1, Fact::Unknown(Why::OwnerHidden))
    };
    assert!(
        only(sample())
            .summary
            .ends_with("gives up in about 15m20s to 17m20s (at the latest)")
    );
    let unknown = only(sample().sysctl("ipv4/tcp_retries2", "?"));
    assert!(
        unknown.summary.ends_with("heard last 13s ago"),
        "{unknown:?}"
    );
}

#[test]
fn a_lower_retries2_is_followed() {
    let sample = Sample::new()
        .sysctl("ipv4/tcp_retries2", "8")
        .owned(stuck(1, 4), 812, "sshd", 9)
        .with_keepalive(1, known(0));
    assert!(only(sample).summary.ends_with("in about 1m37s to 3m20s"));
}

#[test]
fn a_connection_attempt_without_answer_hints_at_a_firewall() {
    let mut attempt = stuck(1, 3);
    attempt.state = TcpState::SynSent;
    attempt.local = "10.0.0.1:40000".parse().unwrap();
    attempt.remote = "10.0.0.9:443".parse().unwrap();
    let finding = only(
        Sample::new()
            .sysctl("ipv4/tcp_syn_retries", "6")
            .owned(attempt, 812, "curl", 9),
    );
    assert_eq!(
        finding.summary,
        "curl (pid 812) has 1 connection to 10.0.0.9:443 still opening, unanswered after 3 \
         retransmissions: a firewall that drops, a host that is down, or a full accept queue there"
    );
    assert_eq!(finding.evidence.last().unwrap().value, Value::Count(6));
}

#[test]
fn silent_on_first_retransmissions_on_other_timers_and_on_orphans() {
    let mut window = stuck(2, 4);
    window.timer.kind = TimerKind::WindowProbe;
    let mut orphan = stuck(3, 4);
    orphan.state = TcpState::FinWait1;
    let mut accepted = stuck(4, 4);
    accepted.state = TcpState::SynReceived;
    let mut recovered = stuck(5, 0);
    recovered.tcp.as_mut().unwrap().total_retrans = 50;
    let healthy = Sample::new()
        .owned(stuck(1, 1), 1, "a", 3)
        .owned(window, 1, "a", 4)
        .unowned(orphan)
        .unowned(accepted)
        .owned(recovered, 1, "a", 5);
    assert_eq!(run(healthy), Outcome::default());
}
