use std::time::Duration;

use super::*;
use crate::fact::Why;
use crate::facts::sample::{HOST, Sample, socket};

fn listener(length: u32, backlog: u32) -> Socket {
    let mut listener = socket(100, TcpState::Listen, "0.0.0.0:80", "0.0.0.0:0");
    (listener.receive_queue, listener.send_queue) = (length, backlog);
    listener
}

fn counters(overflows: i64, drops: i64, syn_queue: i64) -> Counters {
    let named = [
        ("TcpExt.ListenOverflows", overflows),
        ("TcpExt.ListenDrops", drops),
        ("TcpExt.TCPReqQFullDrop", syn_queue),
    ];
    Counters(named.map(|(name, n)| (name.to_owned(), n)).into())
}

/// A server in two looks a second apart.
fn server(first: Socket, then: Socket, before: Counters, after: Counters) -> Sample {
    let mut sample = Sample::new().owned(first, 812, "nginx", 6);
    sample.0.namespaces[0].counters = Fact::Known(before);
    let mut second = SecondLook {
        after: Duration::from_secs(1),
        ..SecondLook::default()
    };
    second.sockets.insert(then.cookie, then);
    second.counters.insert(HOST, after);
    sample.0.second_look = Some(second);
    sample
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

#[test]
fn a_full_queue_that_drops_is_critical_and_says_which_limit_binds() {
    let sample = server(
        listener(129, 128),
        listener(129, 128),
        counters(40, 50, 0),
        counters(43, 53, 0),
    );
    let outcome = run(sample);
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        finding.summary,
        "the accept queue of nginx (pid 812) on 0.0.0.0:80 is full (129 wait, backlog 128); \
         3 connection attempts were dropped within 1s"
    );
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 6));
    let totals: Vec<_> = finding.evidence.iter().map(|one| one.name).collect();
    assert!(totals.contains(&"overflows_since_boot"), "{totals:?}");
    assert!(
        finding
            .remedy
            .contains("listen() call or configuration above 128"),
        "{}",
        finding.remedy
    );
}

#[test]
fn full_in_one_look_warns_and_somaxconn_is_named_where_it_binds() {
    let sample = server(
        listener(129, 128),
        listener(0, 128),
        counters(40, 50, 0),
        counters(40, 50, 0),
    );
    let outcome = run(sample.sysctl("core/somaxconn", "128"));
    let finding = &outcome.findings[0];
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(
        finding.summary,
        "the accept queue of nginx (pid 812) on 0.0.0.0:80 is full (129 wait, backlog 128)"
    );
    assert!(
        finding
            .remedy
            .starts_with("`sysctl -w net.core.somaxconn=4096`")
    );
}

#[test]
fn drops_without_a_full_queue_are_the_namespace_s() {
    for (after, summary) in [
        (
            counters(41, 51, 0),
            "1 connection attempt was dropped within 1s in namespace host, at an accept queue \
             that is full at times",
        ),
        (
            counters(40, 52, 2),
            "2 connection attempts were dropped within 1s in namespace host, because the queue \
             of half-made connections is full",
        ),
        (
            counters(40, 52, 0),
            "2 connection attempts were dropped within 1s in namespace host, at a listener whose \
             queues are not full: for want of memory, or by a security module",
        ),
    ] {
        let outcome = run(server(
            listener(3, 128),
            listener(2, 128),
            counters(40, 50, 0),
            after,
        ));
        assert_eq!(outcome.findings[0].summary, summary);
        assert_eq!(outcome.findings[0].severity, Severity::Warning);
    }
}

#[test]
fn silent_on_a_busy_queue_and_on_old_totals() {
    // 16 of 16 is not full yet: the kernel takes one more than the backlog.
    let busy = server(
        listener(16, 16),
        listener(16, 16),
        counters(4000, 5000, 7),
        counters(4000, 5000, 7),
    );
    assert_eq!(run(busy), Outcome::default());
    let mut one_look = server(
        listener(0, 16),
        listener(0, 16),
        counters(4000, 5000, 7),
        counters(0, 0, 0),
    );
    one_look.0.second_look = None;
    assert_eq!(run(one_look), Outcome::default());
}

#[test]
fn unknown_counters_are_said_and_a_full_queue_still_found() {
    let mut sample = server(
        listener(6, 5),
        listener(6, 5),
        Counters::default(),
        Counters::default(),
    );
    sample.0.namespaces[0].counters = Fact::Unknown(Why::Failed {
        operation: "read /proc/net/netstat".to_owned(),
        error: "permission denied".to_owned(),
    });
    let outcome = run(sample);
    assert_eq!(outcome.findings.len(), 1);
    assert!(
        outcome.findings[0]
            .summary
            .ends_with("is full (6 wait, backlog 5) in both looks")
    );
    assert_eq!(outcome.unknown[0].what, "drops at listeners of 1 namespace");
}
