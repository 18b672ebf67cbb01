//! Looks at the tests' own namespaces, and short words for what a finding says.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ayt_core::doctor::{Finding, Limits, Outcome, Value, rules};
use ayt_core::facts::{HostFacts, Socket};
use ayt_core::filter::Filter;
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::{Probe, probe};
use ayt_testbed::{Fixture, Ns, eventually};

pub(crate) type Done = Result<(), Box<dyn Error>>;

/// For a condition that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How to look. Only sockets of the test's own namespaces or processes.
#[derive(Clone)]
pub(crate) struct Look {
    pub(crate) collect: Collect,
    pub(crate) limits: Limits,
}

impl Look {
    fn at(filter: Filter) -> Self {
        let collect = Collect {
            filter,
            exact: Exact::Always,
            doctor: Some(Duration::from_secs(1)),
        };
        let limits = Limits {
            idle_after: Duration::from_secs(1),
            pile_after: Duration::from_millis(500),
            ..Limits::default()
        };
        Self { collect, limits }
    }

    /// Everything in one namespace.
    pub(crate) fn of(ns: &Ns) -> Self {
        Self::at(Filter {
            namespaces: vec![ns.ino().to_string()],
            ..Filter::default()
        })
    }

    /// Everything of some processes.
    pub(crate) fn of_pids(pids: &[u32]) -> Self {
        Self::at(Filter {
            pids: pids.to_vec(),
            ..Filter::default()
        })
    }

    /// The second look comes so much later; without it there is none.
    pub(crate) fn apart(mut self, apart: Option<Duration>) -> Self {
        self.collect.doctor = apart;
        self
    }

    pub(crate) fn facts(&self) -> HostFacts {
        collect(&self.collect).expect("a look")
    }

    /// A look, and what one rule says of it.
    pub(crate) fn run(&self, rule: &str) -> Outcome {
        self.judge(&self.facts(), rule)
    }

    pub(crate) fn judge(&self, facts: &HostFacts, rule: &str) -> Outcome {
        let rule = rules::by_id(rule).expect("a rule of that name");
        (rule.check)(facts, &self.limits)
    }

    /// Looks until the rule has exactly one finding.
    #[track_caller]
    pub(crate) fn one(&self, rule: &str) -> Finding {
        eventually(&format!("one finding of {rule}"), PATIENCE, || {
            let outcome = self.run(rule);
            match outcome.findings.as_slice() {
                [finding] => Ok(finding.clone()),
                _ => Err(format!("{outcome:#?}")),
            }
        })
    }

    /// Looks until the rule has nothing to say.
    #[track_caller]
    pub(crate) fn silent_soon(&self, rule: &str) {
        eventually(&format!("{rule} is silent"), PATIENCE, || {
            let outcome = self.run(rule);
            if outcome == Outcome::default() {
                Ok(())
            } else {
                Err(format!("{outcome:#?}"))
            }
        });
    }

    /// Looks once; the rule has nothing to say.
    #[track_caller]
    pub(crate) fn silent(&self, rule: &str) {
        assert_eq!(self.run(rule), Outcome::default());
    }
}

/// The same facts with what a probe says of the owned connections in them.
pub(crate) fn probed(facts: HostFacts, patience: Duration) -> HostFacts {
    let open = |socket: &Socket| socket.state == TcpState::Established && socket.inode != 0;
    let targets: Vec<usize> = (0..facts.sockets.len())
        .filter(|&at| open(&facts.sockets[at]))
        .collect();
    let how = Probe {
        patience: Some(patience),
        ..Probe::default()
    };
    let never = AtomicBool::new(false);
    let report = probe(&facts, &targets, &how, &never, &mut |_| {});
    assert!(report.partial.is_empty(), "{:?}", report.partial);
    let mut parts = facts.into_parts();
    for answer in report.answers {
        parts.verdicts.insert(answer.cookie, answer.verdict);
    }
    HostFacts::new(parts)
}

/// Connects from inside a namespace.
pub(crate) fn connect(ns: &Ns, addr: SocketAddr) -> TcpStream {
    ns.run(|| TcpStream::connect_timeout(&addr, PATIENCE))
        .unwrap_or_else(|error| panic!("connecting to {addr}: {error}"))
}

/// Waits until so many connections to this port wait to be accepted.
#[track_caller]
pub(crate) fn wait_queued(ns: &Ns, port: u16, count: usize) {
    eventually(&format!("{count} wait to be accepted"), PATIENCE, || {
        let rows = ns.tcp().expect("the table of a namespace");
        let waiting = rows.iter().filter(|row| {
            use ayt_testbed::TcpState::{CloseWait, Established};
            let open = matches!(row.state, Established | CloseWait);
            open && row.local.port() == port && row.inode == 0
        });
        waiting.count() == count
    });
}

/// What a program prints about itself, as a number.
pub(crate) fn number(program: &Fixture, line: &str, field: &str) -> u32 {
    let fields = program.wait_line(line, PATIENCE).expect("its line");
    fields[field].parse().expect("a number")
}

fn value<'a>(finding: &'a Finding, name: &str) -> &'a Value {
    let found = finding.evidence.iter().find(|one| one.name == name);
    &found
        .unwrap_or_else(|| panic!("no evidence '{name}': {finding:#?}"))
        .value
}

/// A number of the evidence: a count, bytes, or milliseconds.
#[track_caller]
pub(crate) fn amount(finding: &Finding, name: &str) -> u64 {
    match value(finding, name) {
        Value::Count(amount) | Value::Bytes(amount) | Value::Millis(amount) => *amount,
        Value::Text(text) => panic!("{name} is the text '{text}'"),
    }
}

/// A text of the evidence.
#[track_caller]
pub(crate) fn text(finding: &Finding, name: &str) -> String {
    match value(finding, name) {
        Value::Text(text) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

/// Its owners as pid and descriptor.
pub(crate) fn owners(finding: &Finding) -> Vec<(u32, u32)> {
    let pairs = finding.owners.iter().map(|owner| (owner.pid, owner.fd));
    pairs.collect()
}

/// The far ends of its connections.
pub(crate) fn peers(finding: &Finding) -> Vec<SocketAddr> {
    finding.connections.iter().map(|one| one.remote).collect()
}
