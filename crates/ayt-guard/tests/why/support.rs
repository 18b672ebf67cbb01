//! Questions about the tests' own namespaces, and what is said of them.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ayt_core::doctor::{Limits, Value};
use ayt_core::why::{Cause, limits};
use ayt_guard::probe::Probe;
use ayt_guard::why::{Answer, Question, WhyError, why};
use ayt_testbed::{Fixture, Ns, eventually};

pub(crate) type Done = Result<(), Box<dyn Error>>;

/// For a condition that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A question about what is in one namespace.
pub(crate) fn question(ns: &Ns, wanted: &str) -> Question {
    Question {
        wanted: wanted.parse().expect("a subject"),
        namespaces: vec![ns.ino().to_string()],
        limits: Limits {
            idle_after: Duration::from_millis(700),
            pile_after: Duration::from_millis(500),
            ..limits()
        },
        apart: Question::APART,
        probe: Some(Probe {
            patience: Some(Duration::from_millis(1500)),
            ..Probe::default()
        }),
    }
}

/// A question that waits longer for a slow server than a busy machine holds one up.
pub(crate) fn patient(ns: &Ns, wanted: &str) -> Question {
    let mut question = question(ns, wanted);
    question.limits.idle_after = Duration::from_secs(15);
    question
}

pub(crate) fn ask(question: &Question) -> Result<Answer, WhyError> {
    why(question, &AtomicBool::new(false), &mut |_| {})
}

/// Asks until this is the first cause.
#[track_caller]
pub(crate) fn because(ns: &Ns, wanted: &str, cause: &str) -> Answer {
    because_that(ns, wanted, cause, "")
}

/// Asks until this is the first cause, and the sentence says so.
#[track_caller]
pub(crate) fn because_that(ns: &Ns, wanted: &str, cause: &str, says: &str) -> Answer {
    answered(&question(ns, wanted), cause, says)
}

/// The same of any question.
#[track_caller]
pub(crate) fn answered(question: &Question, cause: &str, says: &str) -> Answer {
    let wanted = &question.wanted;
    eventually(&format!("{cause} of {wanted:?}"), PATIENCE, || {
        let answer = ask(question).map_err(|error| error.to_string())?;
        let explanation = &answer.explanation;
        let first = explanation.causes.first().map(|first| first.id);
        if first == Some(cause) && explanation.sentence.contains(says) {
            Ok(answer)
        } else {
            Err(format!("{first:?}: {}", explanation.sentence))
        }
    })
}

/// Asks once; nothing is wrong.
#[track_caller]
pub(crate) fn well(ns: &Ns, wanted: &str) -> Answer {
    let answer = ask(&question(ns, wanted)).expect("an answer");
    assert_well(&answer);
    answer
}

/// Asks until nothing is wrong.
#[track_caller]
pub(crate) fn well_soon(ns: &Ns, wanted: &str) -> Answer {
    let question = question(ns, wanted);
    eventually(&format!("{wanted} is well"), PATIENCE, || {
        let answer = ask(&question).map_err(|error| error.to_string())?;
        match answer.explanation.causes.is_empty() {
            true => Ok(answer),
            false => Err(answer.explanation.sentence),
        }
    })
}

#[track_caller]
pub(crate) fn assert_well(answer: &Answer) {
    let explanation = &answer.explanation;
    assert!(explanation.causes.is_empty(), "{}", explanation.sentence);
    assert!(
        explanation.sentence.contains("othing is wrong with"),
        "{}",
        explanation.sentence
    );
    assert!(explanation.sentence.contains("Looked at: "));
}

/// The sentence says all of this.
#[track_caller]
pub(crate) fn says(answer: &Answer, words: &[&str]) {
    let sentence = &answer.explanation.sentence;
    for word in words {
        assert!(sentence.contains(word), "no `{word}` in: {sentence}");
    }
}

/// The one cause there is.
#[track_caller]
pub(crate) fn only(answer: &Answer) -> &Cause {
    match answer.explanation.causes.as_slice() {
        [cause] => cause,
        causes => panic!("{} causes: {}", causes.len(), answer.explanation.sentence),
    }
}

/// A text of the evidence of the first cause.
#[track_caller]
pub(crate) fn shown(answer: &Answer, name: &str) -> String {
    let cause = answer.explanation.causes.first().expect("a cause");
    let found = cause.evidence().find(|one| one.name == name);
    let found = found.unwrap_or_else(|| panic!("no evidence {name}: {cause:#?}"));
    match &found.value {
        Value::Text(text) => text.clone(),
        Value::Count(number) | Value::Bytes(number) | Value::Millis(number) => number.to_string(),
    }
}

/// The graph has this edge, by the beginnings of the nodes' ids.
#[track_caller]
pub(crate) fn linked(answer: &Answer, from: &str, relation: &str, to: &str) {
    let edges = &answer.explanation.graph.edges;
    let found = edges.iter().any(|edge| {
        edge.from.starts_with(from) && edge.relation.name() == relation && edge.to.starts_with(to)
    });
    assert!(found, "no {from} {relation} {to} in {edges:#?}");
    let nodes = &answer.explanation.graph.nodes;
    for edge in edges {
        for end in [&edge.from, &edge.to] {
            assert!(nodes.iter().any(|node| node.id == *end), "no node {end}");
        }
    }
}

/// Connects from inside a namespace.
pub(crate) fn connect(ns: &Ns, to: SocketAddr) -> TcpStream {
    eventually(&format!("connecting to {to}"), PATIENCE, || {
        ns.run(|| TcpStream::connect_timeout(&to, PATIENCE))
    })
}

/// A Python program in a namespace; it ends with the value.
pub(crate) fn python(ns: &Ns, program: &str) -> Result<Fixture, Box<dyn Error>> {
    let program = format!(
        "import ctypes, os, select, socket, struct, subprocess, threading, time\n{program}"
    );
    let arguments = ["tether", "--", "python3", "-c", &program];
    Ok(Fixture::start(ns, arguments)?)
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(crate) fn can_python() -> bool {
    use ayt_testbed::Need;
    Need::root() && Need::program("python3", "apt-get install python3")
}
