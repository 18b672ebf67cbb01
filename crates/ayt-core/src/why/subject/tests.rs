use super::*;
use crate::facts::sample::{HOST, Sample, socket};

fn sample() -> Sample {
    let listener = socket(1, TcpState::Listen, "0.0.0.0:7000", "0.0.0.0:0");
    let other = socket(2, TcpState::Listen, "0.0.0.0:8000", "0.0.0.0:0");
    let client = socket(3, TcpState::Established, "10.0.0.1:41000", "10.0.3.7:5432");
    let waits = socket(
        0x1a2b,
        TcpState::Established,
        "10.0.0.1:7000",
        "10.0.3.9:4000",
    );
    let mut sample = Sample::new()
        .owned(listener, 812, "python3", 3)
        .owned(other, 900, "python3", 3)
        .owned(client, 7000, "web", 5)
        .unowned(waits);
    for (pid, command) in [(813, "nginx"), (814, "nginx-debug")] {
        let port = socket(
            pid,
            TcpState::Listen,
            &format!("0.0.0.0:{pid}"),
            "0.0.0.0:0",
        );
        sample = sample.owned(port, pid, command, 4);
    }
    sample
}

fn found(wanted: &str) -> Result<Subject, Unresolved> {
    let facts = sample().facts();
    let scope = Scope {
        here: vec![HOST],
        only: false,
    };
    let wanted = wanted.parse().expect("a subject");
    let exists = |pid| facts.processes.contains_key(&pid);
    resolve(&facts, &wanted, &scope, &exists)
}

#[test]
fn one_thing_is_found() {
    for (wanted, name, pids, listeners, connections) in [
        (":7000", ":7000", vec![812], 1, 1),
        ("pid:812", "python3 (pid 812)", vec![812], 1, 1),
        ("900", "python3 (pid 900)", vec![900], 1, 0),
        (":5432", ":5432", vec![7000], 0, 1),
        ("web", "web (pid 7000)", vec![7000], 0, 1),
        ("nginx", "nginx (pid 813)", vec![813], 1, 0),
        ("nginx-d", "nginx-debug (pid 814)", vec![814], 1, 0),
        ("10.0.3.7:5432", "10.0.3.7:5432", vec![7000], 0, 1),
        ("10.0.3.7", "10.0.3.7", vec![7000], 0, 1),
        ("10.0.0.1:7000", "10.0.0.1:7000", vec![812], 1, 1),
        (
            "10.0.0.1:41000-10.0.3.7:5432",
            "10.0.0.1:41000 ↔ 10.0.3.7:5432",
            vec![7000],
            0,
            1,
        ),
        (
            "cookie:3",
            "10.0.0.1:41000 ↔ 10.0.3.7:5432",
            vec![7000],
            0,
            1,
        ),
        // Who waits to be accepted stands for the queue.
        ("1a2b", "10.0.0.1:7000 ↔ 10.0.3.9:4000", vec![812], 1, 1),
        ("10.0.3.9:4000", "10.0.3.9:4000", vec![812], 1, 1),
        (":9999", ":9999", vec![], 0, 0),
    ] {
        let subject = found(wanted).unwrap_or_else(|error| panic!("{wanted}: {error}"));
        assert_eq!(subject.name, name, "{wanted}");
        assert_eq!(subject.pids, pids, "{wanted}");
        assert_eq!(subject.listeners.len(), listeners, "{wanted}");
        assert_eq!(subject.connections.len(), connections, "{wanted}");
    }
}

/// The client lies in another namespace of this host; of two connections of its one
/// is accepted.
#[test]
fn a_client_on_this_host_stands_for_the_queue_it_waits_in() {
    let mut sample = sample();
    for (cookie, port) in [(50, "4000"), (51, "4001")] {
        let mut client = socket(
            cookie,
            TcpState::Established,
            &format!("10.0.3.9:{port}"),
            "10.0.0.1:7000",
        );
        client.ns = NsId(1);
        sample = sample.owned(client, 820, "curl", cookie);
    }
    let facts = sample.facts();
    let scope = Scope {
        here: vec![NsId(1)],
        only: false,
    };
    let exists = |pid| facts.processes.contains_key(&pid);
    let found = |wanted: &str| {
        let wanted = wanted.parse().expect("a subject");
        resolve(&facts, &wanted, &scope, &exists).expect("it is there")
    };
    for wanted in [
        ":7000",
        "10.0.0.1:7000",
        "10.0.3.9:4000,10.0.0.1:7000",
        "cookie:32",
    ] {
        let subject = found(wanted);
        assert_eq!(subject.pids, [812, 820], "{wanted}");
        assert_eq!(subject.listeners.len(), 1, "{wanted}");
    }
    let accepted = found("10.0.3.9:4001,10.0.0.1:7000");
    assert_eq!(accepted.pids, [820]);
    assert!(accepted.listeners.is_empty());
}

#[test]
fn several_things_and_none_are_errors_that_say_so() {
    for (wanted, message) in [
        (
            "7000",
            "`7000` could be `:7000`, a port of python3 (pid 812), or `pid:7000`, web (pid 7000); \
             say which",
        ),
        (
            "python3",
            "`python3` could be `pid:812`, python3 (pid 812) on :7000, or `pid:900`, python3 (pid \
             900) on :8000; say which",
        ),
        (
            "nobody",
            "no process that holds TCP sockets is called `nobody`; `ayt list` shows what there is",
        ),
        (
            "pid:5",
            "there is no process 5; `ayt list` shows what there is",
        ),
        (
            "99999",
            "there is no process 99999, and no such port; `ayt list` shows what there is",
        ),
        (
            "203.0.113.9:1",
            "no connection has 203.0.113.9:1 at either end; `ayt list` shows what there is",
        ),
        (
            "cookie:ff",
            "there is no connection cookie:ff: it may have ended; `ayt list` shows what there is",
        ),
    ] {
        let error = found(wanted).expect_err(wanted);
        assert_eq!(error.to_string(), message, "{wanted}");
    }
}

#[test]
fn what_there_is_not_may_be_hidden_and_that_is_said() {
    let mut sample = sample();
    sample.0.partial.push(crate::fact::Partial {
        what: "owners of 3 sockets are hidden".to_owned(),
        why: "/proc/1/fd may not be read".to_owned(),
        remedy: "run as root".to_owned(),
    });
    let facts = sample.facts();
    let scope = Scope {
        here: vec![HOST],
        only: false,
    };
    let wanted = Wanted::Command("postgres".to_owned());
    let error = resolve(&facts, &wanted, &scope, &|_| true).expect_err("no postgres");
    assert_eq!(
        error.to_string(),
        "no process that holds TCP sockets is called `postgres`; `ayt list` shows what there is; \
         not seen: owners of 3 sockets are hidden (/proc/1/fd may not be read): run as root"
    );
}

#[test]
fn processes_that_belong_together_are_one_program() {
    let listener = socket(1, TcpState::Listen, "0.0.0.0:80", "0.0.0.0:0");
    let mut sample = Sample::new()
        .owned(listener.clone(), 10, "nginx", 6)
        .owned(listener, 11, "nginx", 6);
    // A worker that holds connections only: by its parent.
    let client = socket(2, TcpState::Established, "10.0.0.1:80", "10.0.0.9:4000");
    sample = sample.owned(client, 12, "nginx", 7);
    if let Some(worker) = sample.0.processes.get_mut(&12) {
        worker.parent = 10;
    }
    let facts = sample.facts();
    let scope = Scope {
        here: vec![HOST],
        only: false,
    };
    let wanted = Wanted::Command("nginx".to_owned());
    let subject = resolve(&facts, &wanted, &scope, &|_| true).expect("one program");
    assert_eq!(subject.pids, [10, 11, 12]);
    assert_eq!(subject.name, "nginx (pids 10, 11 and 12)");
}

#[test]
fn a_named_namespace_leaves_others_out() {
    let facts = sample().facts();
    let scope = Scope {
        here: Vec::new(),
        only: true,
    };
    for wanted in ["web", "10.0.3.7:5432", "cookie:3"] {
        let wanted = wanted.parse().expect("a subject");
        let missing = resolve(&facts, &wanted, &scope, &|_| true);
        assert!(
            matches!(missing, Err(Unresolved::Nothing { .. })),
            "{missing:?}"
        );
    }
}
