//! Every cause on made-up facts: what is said of it, and that its healthy twin is
//! not accused.

mod chains;
mod others;
mod slow;

use std::time::Duration;

use super::*;
use crate::fact::Fact;
use crate::facts::sample::{Sample, set_quiet, socket};
use crate::facts::{Call, Cookie, SecondLook, Socket, Thread, ThreadDetail, Threads, WaitsOn};
use crate::tcp_state::TcpState;
use crate::verdict::Verdict;

const LISTENER: u32 = 100;
const NOW: Duration = Duration::from_secs(10_000);

/// python3 (pid 812) listens on :7000 by descriptor 3, and this many clients have
/// waited, the first for 2.2 s; none is taken between the looks.
fn waiting(count: u32) -> Sample {
    let mut listener = socket(LISTENER, TcpState::Listen, "0.0.0.0:7000", "0.0.0.0:0");
    listener.receive_queue = count;
    listener.send_queue = 128;
    let mut sample = Sample::new().owned(listener, 812, "python3", 3);
    for at in 0..count {
        let peer = format!("10.0.3.9:{}", 50_000 + at);
        let mut one = socket(200 + at, TcpState::Established, "10.0.3.1:7000", &peer);
        set_quiet(&mut one, 2_200 - 100 * at);
        sample = sample.unowned(one);
    }
    sample.0.second_look = Some(SecondLook {
        after: limits().idle_after,
        sockets: sample
            .0
            .sockets
            .iter()
            .map(|one| (one.cookie, one.clone()))
            .collect(),
        ..SecondLook::default()
    });
    sample
}

/// A connection of python3 to 10.0.3.7:51144, silent for 14 min, by descriptor 6.
fn ghost(sample: Sample) -> Sample {
    let mut ghost = socket(6, TcpState::Established, "10.0.3.1:7000", "10.0.3.7:51144");
    set_quiet(&mut ghost, 14 * 60_000);
    sample.owned(ghost, 812, "python3", 6)
}

/// A thread that sits in a call for 14 min.
fn thread(tid: u32, name: &str, fd: Option<u32>, waits_on: WaitsOn) -> ThreadDetail {
    ThreadDetail {
        thread: Thread {
            tid,
            name: "python3".to_owned(),
            state: 'S',
            call: Fact::Known(Some(Call {
                name: name.to_owned(),
                fd,
            })),
        },
        wait_channel: Fact::Known(Some("wait_woken".to_owned())),
        last_ran: Fact::Known(NOW - Duration::from_secs(14 * 60)),
        waits_on: Fact::Known(waits_on),
        stack: Fact::Known(Vec::new()),
    }
}

fn reads(tid: u32, fd: u32) -> ThreadDetail {
    thread(tid, "recvfrom", Some(fd), WaitsOn::Descriptor(None))
}

trait With {
    fn threads(self, pid: u32, threads: Vec<ThreadDetail>) -> Self;
    fn dead(self, cookie: u32, cause: crate::cause::Cause) -> Self;
}

impl With for Sample {
    fn threads(mut self, pid: u32, seen: Vec<ThreadDetail>) -> Self {
        let threads = Threads { seen, not_read: 0 };
        self.0.inside.threads.insert(pid, Fact::Known(threads));
        self
    }

    fn dead(mut self, cookie: u32, cause: crate::cause::Cause) -> Self {
        let name = Cookie(u64::from(cookie));
        self.0.inside.asks.insert(name, 3);
        self.verdict(cookie, Verdict::Dead(cause))
    }
}

fn found(facts: &HostFacts, wanted: &str) -> Subject {
    let scope = Scope {
        here: facts
            .namespaces
            .iter()
            .filter(|ns| ns.name == "host")
            .map(|ns| ns.id)
            .collect(),
        only: false,
    };
    let wanted = wanted.parse().expect("a subject");
    let exists = |pid| facts.processes.contains_key(&pid);
    subject::resolve(facts, &wanted, &scope, &exists).expect("a subject")
}

fn about(sample: Sample, wanted: &str) -> Explanation {
    let facts = sample.facts();
    let subject = found(&facts, wanted);
    let explanation = explain(&facts, &subject, &limits(), NOW);
    for edge in &explanation.graph.edges {
        for end in [&edge.from, &edge.to] {
            let known = explanation.graph.nodes.iter().any(|node| node.id == *end);
            assert!(known, "no node {end} in {:#?}", explanation.graph);
        }
    }
    explanation
}

/// What is said, why, and what to do.
fn told(explanation: &Explanation) -> String {
    let mut text = explanation.sentence.clone();
    for cause in &explanation.causes {
        text += &format!("\n\n[{} {}]", cause.severity.name(), cause.id);
        for remedy in &cause.remedy {
            text += &format!("\n- {remedy}");
        }
    }
    for note in &explanation.notes {
        text += &format!("\n\nnote: {note}");
    }
    for partial in &explanation.partial {
        text += &format!("\n\nnot seen: {partial}");
    }
    text
}

/// Compares what is said of a case with what was said before.
macro_rules! says {
    ($name:expr, $sample:expr, $wanted:expr) => {
        insta::assert_snapshot!($name, told(&about($sample, $wanted)))
    };
}
use says;

fn assert_well(sample: Sample, wanted: &str) {
    let explanation = about(sample, wanted);
    assert!(explanation.causes.is_empty(), "{}", explanation.sentence);
    assert!(explanation.sentence.contains("othing is wrong with"));
}

#[test]
fn ids_are_unique_kebab_case() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in RULES {
        assert!(seen.insert(rule.id), "{} twice", rule.id);
        let word = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(rule.id.chars().all(word), "{}", rule.id);
        assert!(!rule.summary.ends_with('.') && rule.summary.len() <= 80);
    }
}

#[test]
fn a_gist_is_the_same_while_only_time_passes() {
    let at = |ms: u32| {
        let mut sample = ghost(waiting(3)).threads(812, vec![reads(812, 6)]);
        for one in &mut sample.0.sockets {
            set_quiet(one, ms);
        }
        about(sample, ":7000")
    };
    let (early, late) = (at(2_000), at(9_000));
    assert_ne!(early.sentence, late.sentence);
    assert_eq!(early.gist(), late.gist());
    let other = about(
        ghost(waiting(3)).threads(812, vec![thread(812, "futex", None, WaitsOn::Nothing)]),
        ":7000",
    );
    assert_ne!(early.gist(), other.gist());
    let well = about(ghost(Sample::new()), "pid:812");
    assert_eq!(well.gist(), "");
}

#[test]
fn a_subject_is_never_accused_of_anothers_fault() {
    // nginx is well beside a stuck python3.
    let mut listener = socket(300, TcpState::Listen, "0.0.0.0:80", "0.0.0.0:0");
    listener.send_queue = 511;
    let sample = ghost(waiting(3))
        .owned(listener, 900, "nginx", 5)
        .threads(812, vec![reads(812, 6)])
        .dead(6, crate::cause::Cause::Unanswered);
    assert_well(sample, ":80");
}

fn with(mut socket: Socket, change: impl FnOnce(&mut Socket)) -> Socket {
    change(&mut socket);
    socket
}
