use super::*;
use crate::cause::Cause;
use crate::fact::Fact;
use crate::facts::sample::{Sample, keepalive, keepalive_off, set_quiet, socket};

const MINUTE: u32 = 60_000;

fn from_device(cookie: u32, quiet_ms: u32) -> Socket {
    let remote = format!("10.0.7.7:{}", 50_000 + cookie);
    let mut socket = socket(cookie, TcpState::Established, "10.0.0.1:9000", &remote);
    set_quiet(&mut socket, quiet_ms);
    socket
}

/// One connection for each quiet time.
fn device(quiet_ms: &[u32]) -> Sample {
    let cookies = 1..;
    quiet_ms
        .iter()
        .zip(cookies)
        .fold(Sample::new(), |sample, (&quiet, cookie)| {
            sample.owned(from_device(cookie, quiet), 812, "dtu-server", cookie)
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
fn the_trace_of_restarts_is_told_with_the_ghosts_alone() {
    let finding = only(device(&[3_000, 2 * MINUTE, 10 * MINUTE, 60 * MINUTE]));
    assert_eq!(
        finding.summary,
        "dtu-server (pid 812) has 4 connections from 10.0.7.7 on port 9000, of which only the \
         newest is in use: 3 others have been silent for 2m to 1h, as if one device had restarted \
         3 times"
    );
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.connections.len(), 3);
    assert_eq!(finding.connections[0].note, "silent for 1h");
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 4));
    assert!(
        finding
            .remedy
            .starts_with("`ayt probe --pid 812 --local :9000 --peer 10.0.7.7` asks them")
    );
}

#[test]
fn a_probe_makes_it_critical() {
    let family = device(&[3_000, 2 * MINUTE, 10 * MINUTE])
        .verdict(2, Verdict::Dead(Cause::Unanswered))
        .verdict(3, Verdict::Dead(Cause::Unanswered));
    let finding = only(family);
    assert_eq!(finding.severity, Severity::Critical);
    assert!(
        finding
            .summary
            .ends_with("silent for 2m to 10m, and 2 of them are dead")
    );
}

#[test]
fn a_probe_that_is_answered_clears_it() {
    let pool = device(&[3_000, 2 * MINUTE, 10 * MINUTE]).verdict(2, Verdict::Alive { rtt: None });
    assert_eq!(run(pool), Outcome::default());
}

#[test]
fn the_order_is_proved_where_one_direction_never_carried_data() {
    let told = |exact: bool| {
        let mut sample = device(&[3_000, 2 * MINUTE, 10 * MINUTE]);
        for socket in &mut sample.0.sockets {
            let tcp = socket.tcp.as_mut().unwrap();
            tcp.bytes_acked = Some(if exact { 0 } else { 100 });
            // Opened half a minute before it fell silent.
            tcp.last_data_sent_ms = tcp.last_ack_recv_ms + MINUTE / 2;
        }
        only(sample).evidence[4].value.clone()
    };
    assert_eq!(told(true), Value::Text("proved".to_owned()));
    assert_eq!(told(false), Value::Text("not contradicted".to_owned()));
}

#[test]
fn silent_when_one_was_heard_after_a_newer_had_been_opened() {
    // The busy one is at least three minutes old, and another was heard two
    // minutes ago: two clients behind one address.
    let mut sample = device(&[3_000, 2 * MINUTE, 10 * MINUTE]);
    sample.0.sockets[0].tcp.as_mut().unwrap().last_data_sent_ms = 3 * MINUTE;
    assert_eq!(run(sample), Outcome::default());
}

#[test]
fn silent_on_few_on_busy_ones_on_a_burst_and_on_outgoing_connections() {
    assert_eq!(run(device(&[3_000, 10 * MINUTE])), Outcome::default());
    assert_eq!(
        run(device(&[3_000, 5_000, 10 * MINUTE, 20 * MINUTE])),
        Outcome::default()
    );
    assert_eq!(
        run(device(&[90_000, 2 * MINUTE, 10 * MINUTE])),
        Outcome::default()
    );
    assert_eq!(run(device(&[3_000, 600_000, 600_400])), Outcome::default());
    let mut outgoing = device(&[3_000, 2 * MINUTE, 10 * MINUTE]);
    for socket in &mut outgoing.0.sockets {
        (socket.local, socket.remote) = (
            format!("10.0.0.1:{}", socket.remote.port())
                .parse()
                .unwrap(),
            "10.0.7.7:443".parse().unwrap(),
        );
    }
    assert_eq!(run(outgoing), Outcome::default());
}

#[test]
fn fast_keepalive_decides_by_itself_and_slow_or_none_does_not() {
    let family = |settings| {
        let sample = device(&[3_000, 2 * MINUTE, 10 * MINUTE]);
        (2..=3).fold(sample, |sample, cookie| {
            sample.with_keepalive(cookie, Fact::Known(settings))
        })
    };
    assert_eq!(run(family(keepalive(60, 5, 3))), Outcome::default());
    assert_eq!(run(family(keepalive(7200, 75, 9))).findings.len(), 1);
    assert_eq!(run(family(keepalive_off())).findings.len(), 1);
}

#[test]
fn one_without_account_of_time_is_not_guessed() {
    let mut sample = device(&[3_000, 2 * MINUTE, 10 * MINUTE]);
    sample.0.sockets[1].tcp = None;
    assert_eq!(run(sample), Outcome::default());
}
