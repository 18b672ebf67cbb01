use std::time::Duration;

use super::*;
use crate::cause::Cause;
use crate::fact::{Fact, Why};
use crate::facts::sample::{Sample, quiet_for, set_quiet, socket};
use crate::facts::{Call, Cookie, Thread};
use crate::tcp_state::TcpState;
use crate::verdict::Verdict;

const LISTENER: u32 = 100;
const GHOST: u32 = 50;

fn listener(cookie: u32, length: u32) -> Socket {
    let mut listener = socket(cookie, TcpState::Listen, "0.0.0.0:7000", "0.0.0.0:0");
    (listener.receive_queue, listener.send_queue) = (length, 128);
    listener
}

fn waiting(cookie: u32, age_ms: u32) -> Socket {
    let peer = format!("10.0.3.9:{}", 40_000 + cookie);
    let mut waiting = socket(cookie, TcpState::Established, "10.0.3.1:7000", &peer);
    waiting.inode = 0;
    waiting.tcp = Some(quiet_for(age_ms));
    waiting
}

fn thread(tid: u32, state: char, call: Option<(&str, Option<u32>)>) -> Thread {
    Thread {
        tid,
        name: "python3".to_owned(),
        state,
        call: Fact::Known(call.map(|(name, fd)| Call {
            name: name.to_owned(),
            fd,
        })),
    }
}

/// A listener with `ages` waiting on it (cookies from 1), of which `still` wait
/// a second later.
fn server(ages: &[u32], still: &[u32]) -> Sample {
    let mut sample =
        Sample::new().owned(listener(LISTENER, ages.len() as u32), 11_885, "python3", 3);
    let mut second = SecondLook {
        after: Duration::from_secs(1),
        ..SecondLook::default()
    };
    let now = listener(LISTENER, still.len() as u32);
    second.sockets.insert(now.cookie, now);
    for (&age, cookie) in ages.iter().zip(1..) {
        sample = sample.unowned(waiting(cookie, age));
        if still.contains(&cookie) {
            let later = waiting(cookie, age + 1_000);
            second.sockets.insert(later.cookie, later);
        }
    }
    sample.0.second_look = Some(second);
    sample
}

fn with_threads(mut sample: Sample, pid: u32, threads: Vec<Thread>) -> Sample {
    sample.0.threads.insert(pid, Fact::Known(threads));
    sample
}

/// A stuck server: one thread reads from a ghost that fell silent 14 min ago.
fn stuck_on_ghost() -> Sample {
    let mut ghost = socket(
        GHOST,
        TcpState::Established,
        "10.0.3.1:7000",
        "10.0.3.7:51144",
    );
    set_quiet(&mut ghost, 14 * 60_000);
    let sample = server(&[1_200, 700, 100], &[1, 2, 3]).owned(ghost, 11_885, "python3", 6);
    with_threads(
        sample,
        11_885,
        vec![thread(11_885, 'S', Some(("recvfrom", Some(6))))],
    )
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

fn only(sample: Sample) -> Finding {
    let mut outcome = run(sample);
    assert_eq!(outcome.findings.len(), 1, "{outcome:?}");
    outcome.findings.remove(0)
}

fn evidence(finding: &Finding, name: &str) -> Option<String> {
    let found = finding.evidence.iter().find(|one| one.name == name)?;
    Some(found.value.to_string())
}

#[test]
fn names_the_thread_its_call_the_ghost_and_who_waits() {
    let finding = only(stuck_on_ghost());
    assert_eq!(
        finding.summary,
        "python3 (pid 11885) does not accept on 0.0.0.0:7000: thread 11885 sits in recvfrom(6), \
         a connection to 10.0.3.7:51144 last heard 14m ago; 3 connections wait, the oldest for \
         2.2s"
    );
    assert_eq!(finding.severity, Severity::Critical);
    let fds: Vec<_> = finding.owners.iter().map(|one| (one.pid, one.fd)).collect();
    assert_eq!(fds, [(11_885, 3), (11_885, 6)]);
    let notes: Vec<_> = finding
        .connections
        .iter()
        .map(|one| one.note.as_str())
        .collect();
    assert_eq!(
        notes,
        [
            "waits for 2.2s",
            "waits for 1.7s",
            "waits for 1.1s",
            "thread 11885 sits in recvfrom(6)"
        ]
    );
    assert_eq!(evidence(&finding, "queue_length").as_deref(), Some("3"));
    assert_eq!(evidence(&finding, "backlog").as_deref(), Some("128"));
    assert!(
        finding
            .remedy
            .contains("`ayt probe --pid 11885 --peer 10.0.3.7:51144`"),
        "{}",
        finding.remedy
    );
}

#[test]
fn a_probe_makes_it_certain_and_the_remedy_shorter() {
    let dead = stuck_on_ghost().verdict(GHOST, Verdict::Dead(Cause::Unanswered));
    let finding = only(dead);
    assert!(
        finding.summary.contains(
            "last heard 14m ago, dead: the peer is silent (half-open); 3 connections wait"
        ),
        "{}",
        finding.summary
    );
    assert!(
        finding
            .remedy
            .starts_with("`ayt reap --pid 11885 --peer 10.0.3.7:51144 --yes` frees the thread"),
        "{}",
        finding.remedy
    );
    let alive = stuck_on_ghost().verdict(GHOST, Verdict::Alive { rtt: None });
    let finding = only(alive);
    assert!(finding.summary.contains("whose peer's kernel answers"));
    assert!(!finding.remedy.contains("ayt reap"));
}

#[test]
fn one_waiting_connection_is_enough_and_reads_well() {
    let finding = only(with_threads(
        server(&[400], &[1]),
        11_885,
        vec![thread(9, 'S', Some(("futex", None)))],
    ));
    assert_eq!(
        finding.summary,
        "python3 (pid 11885) does not accept on 0.0.0.0:7000: thread 9 sits in futex(); \
         1 connection has waited for 1.4s"
    );
}

#[test]
fn a_busy_server_is_not_accused_however_full_its_queue() {
    let full: Vec<u32> = (0..16).map(|n| 20 * n).collect();
    let mut sample = server(&full, &[]);
    if let Some(second) = &mut sample.0.second_look {
        for cookie in 201..=216 {
            second
                .sockets
                .insert(Cookie(cookie), waiting(cookie as u32, 30));
        }
        second.sockets.insert(Cookie(100), listener(100, 16));
    }
    assert_eq!(run(sample), Outcome::default());
    // Slow: it took the older half.
    assert_eq!(run(server(&[900, 600, 300], &[2, 3])), Outcome::default());
    // It took one, and another connection of the same age still waits.
    assert_eq!(run(server(&[600, 600], &[2])), Outcome::default());
}

#[test]
fn nothing_waits_and_nothing_is_said() {
    assert_eq!(run(server(&[], &[])), Outcome::default());
    let mut quiet = server(&[], &[]);
    quiet.0.second_look = None;
    assert_eq!(run(quiet), Outcome::default());
}

#[test]
fn a_client_that_gave_up_behind_an_older_one_proves_no_accept() {
    let finding = only(server(&[9_000, 4_000], &[1]));
    assert!(
        finding.summary.ends_with("1 connection has waited for 10s"),
        "{}",
        finding.summary
    );
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(run(server(&[4_000, 9_000], &[1])), Outcome::default());
}

#[test]
fn without_a_second_look_nothing_is_guessed() {
    let mut sample = stuck_on_ghost();
    sample.0.second_look = None;
    let outcome = run(sample);
    assert!(outcome.findings.is_empty());
    assert_eq!(
        outcome.unknown[0].what,
        "whether 3 connections in accept queues are taken"
    );
}

#[test]
fn unknown_threads_and_owners_do_not_hide_it() {
    let outcome = run(server(&[1_200], &[1]));
    assert_eq!(
        outcome.findings[0].summary,
        "python3 (pid 11885) does not accept on 0.0.0.0:7000: what its threads do is unknown \
         (not asked); 1 connection has waited for 2.2s"
    );
    assert_eq!(outcome.findings[0].severity, Severity::Warning);
    assert_eq!(outcome.unknown.len(), 1);
    let mut hidden = server(&[1_200], &[1]);
    hidden.0.owners = crate::facts::Owners::default();
    assert_eq!(
        run(hidden).findings[0].summary,
        "a program that ayt may not see does not accept on 0.0.0.0:7000: its owner is hidden; \
         1 connection has waited for 2.2s"
    );
    let mut refused = server(&[1_200], &[1]);
    let mut unreadable = thread(7, 'S', None);
    unreadable.call = Fact::Unknown(Why::NoRight {
        operation: "read /proc/11885/task/7/syscall".to_owned(),
        remedy: "run as root".to_owned(),
    });
    refused
        .0
        .threads
        .insert(11_885, Fact::Known(vec![unreadable]));
    let outcome = run(refused);
    assert!(
        outcome.findings[0]
            .summary
            .contains("what its thread 7 waits for is unknown")
    );
    assert_eq!(outcome.unknown[0].remedy, "run as root");
}

#[test]
fn the_best_explanation_is_told() {
    let blocked = ("recvfrom", Some(6));
    type Doing<'a> = (char, Option<(&'a str, Option<u32>)>);
    let cases: [(&[Doing<'_>], &str, Severity); 8] = [
        (
            &[('S', Some(("accept4", Some(3)))), ('S', Some(blocked))],
            "thread 2 sits in recvfrom(6), a connection to 10.0.3.7:51144 last heard 14m ago",
            Severity::Critical,
        ),
        (
            &[('R', None), ('S', Some(blocked))],
            "thread 2 sits in recvfrom(6), a connection to 10.0.3.7:51144 last heard 14m ago",
            Severity::Critical,
        ),
        (
            &[('S', Some(("futex", None))), ('R', None)],
            "its thread 2 is busy (running)",
            Severity::Warning,
        ),
        (
            &[
                ('S', Some(("futex", None))),
                ('S', Some(("epoll_wait", Some(4)))),
            ],
            "thread 2 waits for events in epoll_wait(4) and takes none, which is odd",
            Severity::Warning,
        ),
        (
            &[('S', Some(("accept4", Some(3))))],
            "thread 1 sits in accept4(3) on this very listener and takes none, which is odd",
            Severity::Warning,
        ),
        (
            &[('T', Some(blocked))],
            "process 11885 is stopped (SIGSTOP)",
            Severity::Critical,
        ),
        (
            &[('t', None)],
            "a debugger holds process 11885",
            Severity::Critical,
        ),
        (
            &[('S', Some(("read", Some(77))))],
            "thread 1 sits in read(77)",
            Severity::Critical,
        ),
    ];
    for (threads, clause, severity) in cases {
        let threads = threads
            .iter()
            .zip(1..)
            .map(|(&(state, call), tid)| thread(tid, state, call))
            .collect();
        let finding = only(with_threads(stuck_on_ghost(), 11_885, threads));
        assert!(
            finding.summary.contains(&format!("7000: {clause}; 3 ")),
            "{}",
            finding.summary
        );
        assert_eq!(finding.severity, severity, "{clause}");
    }
}

#[test]
fn a_connection_heard_just_now_makes_a_slow_server_not_a_stuck_one() {
    let mut sample = stuck_on_ghost();
    for socket in &mut sample.0.sockets {
        if socket.cookie == Cookie(u64::from(GHOST)) {
            set_quiet(socket, 900);
        }
    }
    assert_eq!(only(sample).severity, Severity::Warning);
}

#[test]
fn a_program_without_descriptors_left_cannot_accept() {
    let epoll = vec![thread(1, 'S', Some(("epoll_wait", Some(4))))];
    let mut sample = with_threads(server(&[1_200], &[1]), 11_885, epoll);
    if let Some(process) = sample.0.processes.get_mut(&11_885) {
        process.descriptors = Fact::Known(1024);
    }
    let finding = only(sample);
    assert!(
        finding
            .summary
            .contains("pid 11885 has no descriptor left (limit 1024)"),
        "{}",
        finding.summary
    );
    assert_eq!(finding.severity, Severity::Critical);
}

#[test]
fn of_two_listeners_on_one_address_only_the_stuck_one_is_accused() {
    // The second, pid 20, had one waiting and took it.
    let mut sample = server(&[3_000, 2_000, 100], &[1, 2]);
    sample.0.sockets[0].receive_queue = 2;
    let mut sample = sample.owned(listener(101, 1), 20, "python3", 4);
    if let Some(second) = &mut sample.0.second_look {
        second.sockets.insert(Cookie(101), listener(101, 0));
        second.sockets.insert(Cookie(100), listener(100, 2));
    }
    let finding = only(sample);
    assert!(
        finding.summary.starts_with("python3 (pid 11885) "),
        "{}",
        finding.summary
    );
    assert!(finding.owners.iter().all(|owner| owner.pid == 11_885));
    // Both kept some: whose were taken is not known.
    let mut sample = server(&[3_000, 2_000, 100], &[1, 2]);
    sample.0.sockets[0].receive_queue = 2;
    let mut sample = sample.owned(listener(101, 1), 20, "python3", 4);
    if let Some(second) = &mut sample.0.second_look {
        second.sockets.insert(Cookie(101), listener(101, 1));
        second.sockets.insert(Cookie(100), listener(100, 2));
    }
    assert_eq!(run(sample), Outcome::default());
}

#[test]
fn workers_that_share_a_listener_are_all_named() {
    let mut sample = stuck_on_ghost();
    let mut owners = sample.0.owners.all().to_vec();
    for pid in [11_886, 11_887, 11_888] {
        owners.push(crate::facts::Owner {
            inode: LISTENER,
            pid,
            fd: 3,
        });
    }
    sample.0.owners = crate::facts::Owners::new(owners);
    assert!(
        only(sample)
            .summary
            .starts_with("python3 (pids 11885, 11886, 11887 and 1 more) does not accept")
    );
}

#[test]
fn a_listener_out_of_sight_is_said() {
    let mut sample = server(&[1_200], &[1]);
    sample.0.sockets.retain(|one| one.state != TcpState::Listen);
    let outcome = run(sample);
    assert!(outcome.findings.is_empty());
    assert_eq!(
        outcome.unknown[0].what,
        "who should accept 1 connection that waits"
    );
}
