use super::*;
use crate::facts::sample::{Sample, set_quiet, socket};
use crate::facts::{Call, Memory, Thread};

/// A connection on port 80 with data unread for `ms`.
fn unread(cookie: u32, ms: u32) -> Socket {
    let remote = format!("10.0.0.{cookie}:4000");
    let mut socket = socket(cookie, TcpState::Established, "10.0.0.1:80", &remote);
    set_quiet(&mut socket, ms);
    socket.receive_queue = 500;
    socket
}

fn full(mut socket: Socket) -> Socket {
    socket.receive_queue = 65_000;
    socket.memory = Some(Memory {
        receive_alloc: 107_112,
        receive_limit: 131_072,
        ..Memory::default()
    });
    socket
}

fn with_listener(sample: Sample) -> Sample {
    let listener = socket(99, TcpState::Listen, "0.0.0.0:80", "0.0.0.0:0");
    sample.owned(listener, 812, "nginx", 3)
}

fn with_thread(mut sample: Sample, pid: u32, state: char, call: Option<&str>) -> Sample {
    let call = call.map(|name| Call {
        name: name.to_owned(),
        fd: None,
    });
    let thread = Thread {
        tid: pid,
        name: "t".to_owned(),
        state,
        call: Fact::Known(call),
    };
    sample.0.threads.insert(pid, Fact::Known(vec![thread]));
    sample
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

#[test]
fn a_request_that_nobody_reads_is_named_with_what_the_program_does() {
    let sample = with_listener(Sample::new().owned(unread(2, 61_000), 812, "nginx", 9));
    let outcome = run(with_thread(sample, 812, 'S', Some("futex")));
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        finding.summary,
        "nginx (pid 812) has not read 500 B from 10.0.0.2:4000 on port 80, there for 1m1s; \
         thread 812 sits in futex()"
    );
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 9));
    assert_eq!(finding.evidence[1].value, Value::Bytes(500));
    assert!(finding.remedy.starts_with("`strace -f -p 812`"));
}

#[test]
fn full_buffers_count_after_two_seconds() {
    let one = with_listener(Sample::new().owned(full(unread(2, 2_500)), 812, "nginx", 9));
    assert_eq!(
        run(with_thread(one, 812, 'T', None)).findings[0].summary,
        "nginx (pid 812) has not read 65000 B from 10.0.0.2:4000 on port 80, there for 2.5s; the \
         buffer is full and the peer can send no more; thread 812 is stopped"
    );
    let three = Sample::new()
        .owned(full(unread(2, 2_500)), 812, "nginx", 9)
        .owned(full(unread(3, 3_000)), 812, "nginx", 10)
        .owned(unread(4, 90_000), 812, "nginx", 11);
    assert_eq!(
        run(with_listener(three)).findings[0].summary,
        "nginx (pid 812) has not read 130500 B from 3 clients on port 80, there for 1m30s; 2 \
         buffers are full and their peers can send no more"
    );
}

#[test]
fn leftovers_on_a_client_s_idle_connection_are_a_notice() {
    let outcome = run(Sample::new().owned(unread(2, 61_000), 7, "app", 5));
    assert_eq!(outcome.findings[0].severity, Severity::Notice);
    assert_eq!(
        outcome.findings[0].summary,
        "app (pid 7) has not read 500 B from 10.0.0.2:4000, there for 1m1s"
    );
}

#[test]
fn silent_on_readers_on_fresh_data_on_listeners_and_on_close_wait() {
    let mut read = unread(2, 600_000);
    read.receive_queue = 0;
    let mut listener = unread(3, 600_000);
    listener.state = TcpState::Listen;
    let mut closed = unread(4, 600_000);
    closed.state = TcpState::CloseWait;
    let healthy = Sample::new()
        .owned(read, 1, "a", 3)
        .owned(listener, 2, "b", 3)
        .owned(closed, 3, "c", 3)
        .owned(unread(5, 30_000), 4, "d", 3)
        .owned(full(unread(6, 1_000)), 5, "e", 3)
        .unowned(unread(7, 600_000));
    assert_eq!(run(healthy), Outcome::default());
}

#[test]
fn unknown_times_and_buffers_are_not_guessed_and_hidden_owners_do_not_hide_it() {
    let mut no_account = full(unread(2, 600_000));
    no_account.tcp = None;
    let mut no_memory = full(unread(3, 30_000));
    no_memory.memory = None;
    let sample = Sample::new()
        .owned(no_account, 1, "a", 3)
        .owned(no_memory, 1, "a", 4);
    assert_eq!(run(sample), Outcome::default());
    let mut hidden = Sample::new().owned(unread(2, 61_000), 1, "a", 3);
    hidden.0.owners = crate::facts::Owners::default();
    assert!(
        run(hidden).findings[0]
            .summary
            .starts_with("a program that ayt may not see has not read 500 B")
    );
}
