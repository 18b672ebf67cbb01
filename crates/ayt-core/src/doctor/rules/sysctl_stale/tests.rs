use super::*;
use crate::facts::sample::{Sample, process};

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

fn summary_of(settings: &[(&'static str, &str)]) -> String {
    let sample = settings
        .iter()
        .fold(Sample::new(), |sample, (name, value)| {
            sample.sysctl(name, value)
        });
    let outcome = run(sample);
    let [finding] = outcome.findings.as_slice() else {
        panic!("{settings:?}: {outcome:?}");
    };
    finding.summary.clone()
}

#[test]
fn each_stale_setting_is_told_with_what_is_true() {
    let cases: [(&[(&'static str, &str)], &str); 9] = [
        (
            &[("ipv4/tcp_tw_recycle", "1")],
            "tcp_tw_recycle=1 refuses clients that share a NAT; removed in Linux 4.12",
        ),
        (
            &[("ipv4/tcp_timestamps", "0")],
            "tcp_timestamps=0 switches off the protection against old segments (PAWS), and \
             tcp_tw_reuse",
        ),
        (
            &[("ipv4/tcp_fin_timeout", "5")],
            "tcp_fin_timeout=5 does not shorten TIME_WAIT; a peer that is slow to close meets a \
             reset",
        ),
        (
            &[("ipv4/tcp_abort_on_overflow", "1")],
            "tcp_abort_on_overflow=1 resets clients in a burst that a retry a second later would \
             survive",
        ),
        (
            &[("ipv4/tcp_syncookies", "0")],
            "tcp_syncookies=0 lets a SYN flood close the service",
        ),
        (
            &[("ipv4/tcp_retries2", "2")],
            "tcp_retries2=2 gives up data after 1.4s on a fast path, less than a short outage",
        ),
        (
            &[("ipv4/tcp_max_tw_buckets", "5000")],
            "tcp_max_tw_buckets=5000 cuts TIME_WAIT short: old segments may hit new connections",
        ),
        (
            &[
                ("ipv4/tcp_keepalive_time", "3"),
                ("ipv4/tcp_keepalive_intvl", "1"),
                ("ipv4/tcp_keepalive_probes", "3"),
            ],
            "tcp_keepalive_time=3/1/3 ends healthy connections in an outage of 6 s",
        ),
        (
            &[("ipv4/ip_local_port_range", "60000\t60999")],
            "ip_local_port_range=60000-60999 leaves 1000 ports: 17 connections a second to one \
             server use them up",
        ),
    ];
    for (settings, text) in cases {
        let summary = format!("namespace host has 1 setting from old advice: {text}");
        assert_eq!(summary_of(settings), summary);
    }
}

#[test]
fn one_finding_a_namespace_with_one_command_and_the_worst_severity() {
    let sample = Sample::new()
        .sysctl("ipv4/tcp_tw_recycle", "1")
        .sysctl("ipv4/tcp_max_tw_buckets", "5000");
    let finding = run(sample).findings.remove(0);
    assert!(
        finding
            .summary
            .starts_with("namespace host has 2 settings from old advice: "),
        "{}",
        finding.summary
    );
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(
        finding.remedy,
        "`sysctl -w net.ipv4.tcp_tw_recycle=0 net.ipv4.tcp_max_tw_buckets=65536`; then remove \
         the old lines: `grep -rnE 'tcp_tw_recycle|tcp_max_tw_buckets' /etc/sysctl.conf \
         /etc/sysctl.d /usr/lib/sysctl.d`"
    );
    assert_eq!(finding.evidence[1].value, Value::Text("5000".to_owned()));
}

#[test]
fn another_namespace_is_entered_by_one_of_its_processes() {
    let mut sample = Sample::new();
    let mut other = sample.0.namespaces[0].clone();
    (other.id.0, other.inode, other.name) = (1, 77, "redis-server/812".to_owned());
    other
        .sysctls
        .0
        .insert("ipv4/tcp_timestamps", Fact::Known("0".to_owned()));
    sample.0.namespaces.push(other);
    let mut redis = process(812, "redis-server");
    redis.netns = Fact::Known(77);
    sample.0.processes.insert(812, redis);
    let finding = run(sample).findings.remove(0);
    assert!(
        finding
            .summary
            .starts_with("namespace redis-server/812 has 1 setting")
    );
    assert!(
        finding
            .remedy
            .starts_with("`nsenter --net=/proc/812/ns/net sysctl -w net.ipv4.tcp_timestamps=1`"),
        "{}",
        finding.remedy
    );
}

#[test]
fn silent_on_defaults_and_on_advice_that_is_sound() {
    assert_eq!(run(Sample::new()), Outcome::default());
    let sound = Sample::new()
        .sysctl("ipv4/tcp_tw_reuse", "1")
        .sysctl("ipv4/tcp_tw_recycle", "0")
        .sysctl("ipv4/tcp_timestamps", "2")
        .sysctl("ipv4/tcp_fin_timeout", "15")
        .sysctl("ipv4/tcp_retries2", "5")
        .sysctl("ipv4/tcp_syncookies", "2")
        .sysctl("ipv4/tcp_keepalive_time", "60")
        .sysctl("ipv4/tcp_keepalive_intvl", "5")
        .sysctl("ipv4/tcp_keepalive_probes", "3")
        .sysctl("ipv4/ip_local_port_range", "1024 65535")
        .sysctl("core/somaxconn", "65535");
    assert_eq!(run(sound), Outcome::default());
    // The kernel's own choice on a small machine.
    let small = Sample::new()
        .sysctl("ipv4/tcp_max_orphans", "2048")
        .sysctl("ipv4/tcp_max_tw_buckets", "2048");
    assert_eq!(run(small), Outcome::default());
}

#[test]
fn missing_settings_are_silent_and_refused_ones_are_said() {
    let mut sample = Sample::new();
    let sysctls = &mut sample.0.namespaces[0].sysctls.0;
    sysctls.clear();
    sysctls.insert(
        "ipv4/tcp_tw_recycle",
        Fact::Unknown(Why::Unsupported("this kernel has no such setting")),
    );
    assert_eq!(run(Sample(sample.0.clone())), Outcome::default());
    let refused = Fact::Unknown(Why::NoRight {
        operation: "read /proc/sys/net/ipv4/tcp_timestamps".to_owned(),
        remedy: "run as root".to_owned(),
    });
    sample.0.namespaces[0]
        .sysctls
        .0
        .insert("ipv4/tcp_timestamps", refused);
    let outcome = run(sample);
    assert!(outcome.findings.is_empty());
    assert_eq!(outcome.unknown[0].what, "1 setting of namespace host");
    assert_eq!(outcome.unknown[0].remedy, "run as root");
}
