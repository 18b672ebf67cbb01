use super::*;
use crate::cause::Cause;
use crate::fact::Fact;
use crate::facts::sample::{Sample, keepalive, set_quiet, socket};
use crate::keepalive::Keepalive;
use crate::tcp_state::TcpState;

/// A connection on port 80 that has had no window for `ms`.
fn shut(cookie: u32, ms: u32) -> Socket {
    let remote = format!("10.0.0.{cookie}:4000");
    let mut socket = socket(cookie, TcpState::Established, "10.0.0.1:80", &remote);
    set_quiet(&mut socket, ms);
    socket.send_queue = 5_000;
    socket.timer.kind = TimerKind::WindowProbe;
    socket
}

fn with_listener(sample: Sample) -> Sample {
    let listener = socket(99, TcpState::Listen, "0.0.0.0:80", "0.0.0.0:0");
    sample.owned(listener, 812, "nginx", 3)
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

#[test]
fn a_client_that_does_not_read_is_named_with_how_much_waits() {
    let sample = with_listener(Sample::new().owned(shut(2, 300_000), 812, "nginx", 9));
    let outcome = run(sample);
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        finding.summary,
        "10.0.0.2:4000 does not read from nginx (pid 812) on port 80: 5000 B wait, nothing \
         could be sent for 5m"
    );
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 9));
    assert_eq!(finding.evidence[1].value, Value::Bytes(5_000));
    assert!(
        finding
            .remedy
            .starts_with("`ayt probe --pid 812 --peer 10.0.0.2:4000`")
    );
}

#[test]
fn several_clients_are_one_finding_and_a_server_is_named() {
    let sample = (2..=4).fold(Sample::new(), |sample, cookie| {
        sample.owned(shut(cookie, 60_000 * cookie), 812, "nginx", cookie)
    });
    assert_eq!(
        run(with_listener(sample)).findings[0].summary,
        "3 clients do not read from nginx (pid 812) on port 80: 15000 B wait, nothing could be \
         sent for 4m"
    );
    let outgoing = Sample::new().owned(shut(2, 61_000), 7, "curl", 5);
    assert_eq!(
        run(outgoing).findings[0].summary,
        "10.0.0.2:4000 does not read from curl (pid 7): 5000 B wait, nothing could be sent for \
         1m1s"
    );
}

#[test]
fn a_user_timeout_makes_it_urgent() {
    let timeout = Keepalive {
        user_timeout_ms: 5_000,
        ..keepalive(60, 5, 3)
    };
    let sample = Sample::new()
        .owned(shut(2, 3_000), 7, "curl", 5)
        .with_keepalive(2, Fact::Known(timeout));
    let outcome = run(sample);
    assert_eq!(
        outcome.findings[0].summary,
        "10.0.0.2:4000 does not read from curl (pid 7): 5000 B wait, nothing could be sent for \
         3s; the user timeout of 5s will end it although the peer lives"
    );
    assert!(outcome.findings[0].remedy.contains("--user-timeout 10m"));
}

#[test]
fn silent_on_flow_control_on_idle_peers_and_on_the_dead() {
    let mut moving = shut(3, 300_000);
    moving.timer.kind = TimerKind::Off;
    let mut nothing_to_send = shut(4, 300_000);
    nothing_to_send.timer.kind = TimerKind::Off;
    nothing_to_send.send_queue = 0;
    if let Some(tcp) = &mut nothing_to_send.tcp {
        tcp.snd_wnd = Some(0);
    }
    let healthy = Sample::new()
        .owned(shut(2, 3_000), 1, "a", 3)
        .owned(moving, 2, "b", 3)
        .owned(nothing_to_send, 3, "c", 3)
        .owned(shut(5, 300_000), 4, "d", 3)
        .verdict(5, Verdict::Dead(Cause::Unanswered))
        .unowned(shut(6, 300_000));
    assert_eq!(run(healthy), Outcome::default());
}

#[test]
fn an_unknown_window_is_not_guessed_and_a_closed_one_needs_no_timer() {
    let mut unknown = shut(2, 300_000);
    unknown.timer.kind = TimerKind::Retransmit;
    if let Some(tcp) = &mut unknown.tcp {
        tcp.snd_wnd = None;
    }
    let mut zero = unknown.clone();
    if let Some(tcp) = &mut zero.tcp {
        (tcp.snd_wnd, tcp.probes) = (Some(0), 4);
    }
    assert_eq!(
        run(Sample::new().owned(unknown, 1, "a", 3)),
        Outcome::default()
    );
    let outcome = run(Sample::new().owned(zero, 1, "a", 3));
    assert_eq!(
        outcome.findings[0].connections[0].note,
        "5000 B queued, nothing sent for 5m, 4 window probes unanswered"
    );
}

#[test]
fn a_connection_attempt_has_been_told_no_window_yet() {
    let mut attempt = socket(2, TcpState::SynSent, "10.0.0.1:40000", "10.0.0.2:80");
    set_quiet(&mut attempt, 5_000_000);
    attempt.send_queue = 1;
    attempt.timer.kind = TimerKind::Retransmit;
    if let Some(tcp) = &mut attempt.tcp {
        tcp.snd_wnd = Some(0);
    }
    assert_eq!(attempt.idle_ms(), None);
    assert_eq!(
        run(Sample::new().owned(attempt, 7, "curl", 5)),
        Outcome::default()
    );
}
