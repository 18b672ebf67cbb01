use super::*;
use crate::facts::sample::{Sample, socket};

fn time_wait(cookie: u32, local: &str, remote: &str, age_ms: u32) -> Socket {
    let mut socket = socket(cookie, TcpState::TimeWait, local, remote);
    socket.tcp = None;
    socket.timer.expires_ms = 60_000 - age_ms;
    socket
}

/// `count` TIME_WAIT sockets to one endpoint, one every `every_ms`, the youngest
/// first, on ports from 40000.
fn closed(count: u32, every_ms: u32) -> Sample {
    (0..count).fold(ports("40000 40099"), |sample, at| {
        let local = format!("10.0.0.1:{}", 40_000 + at);
        sample.unowned(time_wait(at + 1, &local, "10.0.0.9:5432", at * every_ms))
    })
}

fn ports(range: &str) -> Sample {
    Sample::new().sysctl("ipv4/ip_local_port_range", range)
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
fn ports_in_use_beyond_the_limit_fire_with_path_and_numbers() {
    let open = socket(
        200,
        TcpState::Established,
        "10.0.0.1:40090",
        "10.0.0.9:5432",
    );
    let finding = only(closed(80, 700).owned(open, 812, "app", 7));
    assert_eq!(
        finding.summary,
        "81 of 100 local ports from 10.0.0.1 to 10.0.0.9:5432 are in use, 80 of them in \
         TIME_WAIT; at 1 closed a second 85 soon will be"
    );
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 7));
    assert_eq!(finding.connections.len(), 81);
    assert!(
        finding
            .remedy
            .starts_with("`sysctl -w net.ipv4.tcp_tw_reuse=1` lets new")
    );
}

#[test]
fn the_forecast_fires_while_there_are_ports_left() {
    // 5 a second for ten seconds: 300 would be in use after a minute.
    let finding = only(closed(50, 200));
    assert_eq!(
        finding.summary,
        "50 of 100 local ports from 10.0.0.1 to 10.0.0.9:5432 are in use, 50 of them in \
         TIME_WAIT; at 5 closed a second the last is gone in 10s"
    );
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(
        finding.evidence.last().unwrap().value,
        Value::Millis(10_000)
    );
}

#[test]
fn exhausted_ports_are_said_to_fail_connects() {
    let finding = only(closed(96, 600));
    assert!(
        finding
            .summary
            .ends_with("in TIME_WAIT: connect() is about to fail")
    );
    assert_eq!(finding.severity, Severity::Critical);
}

#[test]
fn reserved_ports_are_not_there_to_use() {
    let sample = closed(50, 1100).sysctl("ipv4/ip_local_reserved_ports", "80,40060-40099");
    assert_eq!(only(sample).evidence[1].value, Value::Count(60));
    assert_eq!(reserved_within("8080,30000-30100\n", 30_050, 40_000), 51);
    assert_eq!(reserved_within("", 1, 65_535), 0);
    assert_eq!(reserved_within("1-65535", 1, 65_535), 65_535);
}

#[test]
fn silent_on_few_on_a_servers_side_on_many_endpoints_and_where_ports_are_reused() {
    assert_eq!(run(closed(40, 1500)), Outcome::default());
    let server = (0..100).fold(ports("40000 40099"), |sample, at| {
        let remote = format!("10.0.0.9:{}", 50_000 + at);
        sample.unowned(time_wait(at + 1, "10.0.0.1:80", &remote, at * 100))
    });
    assert_eq!(run(server), Outcome::default());
    let spread = (0..100).fold(ports("40000 40099"), |sample, at| {
        let local = format!("10.0.0.1:{}", 40_000 + at);
        sample.unowned(time_wait(
            at + 1,
            &local,
            &format!("10.0.1.{at}:80"),
            at * 100,
        ))
    });
    assert_eq!(run(spread), Outcome::default());
    assert_eq!(
        run(closed(96, 600).sysctl("ipv4/tcp_tw_reuse", "1")),
        Outcome::default()
    );
    let loopback = (0..96).fold(ports("40000 40099"), |sample, at| {
        let local = format!("127.0.0.1:{}", 40_000 + at);
        sample.unowned(time_wait(at + 1, &local, "127.0.0.1:80", at * 600))
    });
    assert_eq!(run(loopback), Outcome::default());
}

#[test]
fn reuse_needs_timestamps() {
    let sample = closed(96, 600)
        .sysctl("ipv4/tcp_tw_reuse", "1")
        .sysctl("ipv4/tcp_timestamps", "0");
    assert!(
        only(sample)
            .remedy
            .starts_with("`sysctl -w net.ipv4.tcp_timestamps=1 net.ipv4.tcp_tw_reuse=1`")
    );
}

#[test]
fn an_unknown_port_range_is_told_not_guessed() {
    let outcome = run(closed(96, 600).sysctl("ipv4/ip_local_port_range", "?"));
    assert!(outcome.findings.is_empty());
    assert_eq!(
        outcome.unknown[0].what,
        "port pressure of 96 TIME_WAIT sockets in namespace host"
    );
}
