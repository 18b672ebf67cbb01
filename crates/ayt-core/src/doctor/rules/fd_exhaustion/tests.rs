use super::*;
use crate::fact::Why;
use crate::facts::DeadHeld;
use crate::facts::sample::{Sample, socket};

/// A process with as many of 100 descriptors open, two of them on TCP.
fn process_with(open: u32) -> Sample {
    let connection = |cookie, state| socket(cookie, state, "10.0.0.1:80", "10.0.0.2:4000");
    let mut sample = Sample::new()
        .owned(connection(1, TcpState::Established), 812, "leaky", 4)
        .owned(connection(2, TcpState::CloseWait), 812, "leaky", 5);
    if let Some(process) = sample.0.processes.get_mut(&812) {
        process.descriptors = Fact::Known(open);
        process.descriptor_limit = Fact::Known(100);
    }
    sample
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

#[test]
fn pressure_is_told_with_what_leaks() {
    let outcome = run(process_with(80));
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        finding.summary,
        "leaky (pid 812) has used 80 of its 100 descriptors (80%), 1 on a connection that \
         the peer has closed"
    );
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 5));
    assert_eq!(
        finding.evidence[3].value,
        Value::Text("ESTABLISHED 1, CLOSE_WAIT 1".to_owned())
    );
    assert!(
        finding
            .remedy
            .contains("`ayt doctor --only close-wait-leak`")
    );
    assert!(finding.remedy.contains("`prlimit --pid 812 --nofile=200:`"));
}

#[test]
fn the_limit_itself_is_critical_and_dead_connections_are_counted() {
    let mut sample = process_with(100);
    let held = |fd| DeadHeld {
        owner: Owner {
            inode: 1000 + fd,
            pid: 812,
            fd,
        },
        local: None,
        error_waiting: false,
    };
    sample.0.dead_held = Some(Fact::Known(vec![held(6), held(7)]));
    let outcome = run(sample);
    assert_eq!(
        outcome.findings[0].summary,
        "leaky (pid 812) has no descriptor left (100 of 100), 1 on a connection that the \
         peer has closed and 2 on connections that no longer exist"
    );
    assert_eq!(outcome.findings[0].severity, Severity::Critical);
}

#[test]
fn silent_below_the_limit_without_one_and_in_a_sandbox() {
    assert_eq!(run(process_with(79)), Outcome::default());
    for (open, limit) in [(100_000, u64::MAX), (5, 0), (20, 3)] {
        let mut sample = process_with(open);
        if let Some(process) = sample.0.processes.get_mut(&812) {
            process.descriptor_limit = Fact::Known(limit);
        }
        assert_eq!(run(sample), Outcome::default(), "{open} of {limit}");
    }
}

#[test]
fn unknown_numbers_are_counted_not_guessed() {
    let mut sample = process_with(100);
    if let Some(process) = sample.0.processes.get_mut(&812) {
        process.descriptors = Fact::Unknown(Why::OwnerHidden);
    }
    let outcome = run(sample);
    assert!(outcome.findings.is_empty());
    assert_eq!(
        outcome.unknown[0].what,
        "descriptors of leaky (pid 812) and their limit"
    );
}
