use super::*;
use crate::facts::Owners;
use crate::facts::sample::{Sample, process, socket};

fn connection(cookie: u32) -> Socket {
    let remote = format!("10.0.0.2:{}", 4000 + cookie);
    socket(cookie, TcpState::Established, "10.0.0.1:80", &remote)
}

/// A server (pid 10) that listens on port 80 and holds one connection as
/// descriptor 5.
fn server() -> Sample {
    let listener = socket(99, TcpState::Listen, "0.0.0.0:80", "0.0.0.0:0");
    Sample::new()
        .owned(listener, 10, "python3", 3)
        .owned(connection(1), 10, "python3", 5)
}

/// Adds a process that holds sockets too.
fn shared_with(mut sample: Sample, pid: u32, command: &str, held: &[(u32, u32)]) -> Sample {
    let mut owners = sample.0.owners.all().to_vec();
    owners.extend(held.iter().map(|&(inode, fd)| Owner { inode, pid, fd }));
    sample.0.owners = Owners::new(owners);
    let mut heir = process(pid, command);
    heir.start_ticks = u64::from(pid);
    sample.0.processes.insert(pid, heir);
    sample
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

#[test]
fn a_helper_that_inherited_a_connection_is_named_with_the_owner() {
    let outcome = run(shared_with(server(), 20, "sleep", &[(1, 5)]));
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        finding.summary,
        "sleep (pid 20) still holds a connection of python3 (pid 10), to 10.0.0.2:4001, as \
         descriptor 5: python3 closing it sends no FIN"
    );
    assert_eq!(finding.severity, Severity::Warning);
    let pids: Vec<_> = finding.owners.iter().map(|owner| owner.pid).collect();
    assert_eq!(pids, [10, 20]);
    assert_eq!(
        finding.connections[0].note,
        "descriptor 5 of python3, 5 of sleep"
    );
    assert!(finding.remedy.contains("SOCK_CLOEXEC"));
}

#[test]
fn several_are_one_finding_and_who_started_first_owns_outgoing_ones() {
    let client =
        Sample::new()
            .owned(connection(1), 10, "app", 5)
            .owned(connection(2), 10, "app", 6);
    assert_eq!(
        run(shared_with(client, 5_000, "ssh", &[(1, 5), (2, 6)])).findings[0].summary,
        "ssh (pid 5000) still holds 2 connections of app (pid 10): app closing them sends no \
         FIN"
    );
}

#[test]
fn silent_on_workers_on_handed_over_descriptors_and_on_shared_listeners() {
    let same_command = shared_with(server(), 11, "python3", &[(1, 5)]);
    let with_listener = shared_with(server(), 12, "worker", &[(99, 3), (1, 5)]);
    let as_stdin = shared_with(server(), 13, "bash", &[(1, 0), (1, 5)]);
    let only_listener = shared_with(server(), 14, "sleep", &[(99, 3)]);
    let alone = server();
    for healthy in [same_command, with_listener, as_stdin, only_listener, alone] {
        assert_eq!(run(healthy), Outcome::default());
    }
    let listener = socket(99, TcpState::Listen, "0.0.0.0:22", "0.0.0.0:0");
    let mut passed = connection(1);
    passed.local.set_port(22);
    let activated = Sample::new()
        .owned(listener, 1, "systemd", 30)
        .owned(passed, 1, "systemd", 31);
    assert_eq!(
        run(shared_with(activated, 20, "sshd", &[(1, 3)])),
        Outcome::default()
    );
}

#[test]
fn a_process_that_was_not_seen_is_not_guessed() {
    let mut sample = shared_with(server(), 20, "sleep", &[(1, 5)]);
    sample.0.processes.remove(&20);
    assert_eq!(run(sample), Outcome::default());
}
