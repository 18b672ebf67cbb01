//! What an idle session costs in memory: many registered clients on real loopback
//! sockets, each has sent a message and had one back, and is silent but for heartbeats.
//! Server and clients are processes of their own; the resident memory of the server is
//! what counts. Beside it plain tokio tasks that wait in a read, in the same run.
//!
//! ```text
//! cargo bench -p ayt --bench idle [-- --quick] [--write] [--strict]
//! ```

#![allow(clippy::unwrap_used, reason = "what goes wrong in a benchmark ends it")]

mod clients;
#[path = "../common/mod.rs"]
mod common;
mod report;
#[path = "../common/resident.rs"]
mod resident;
mod servers;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use common::{Options, Outcome, progress};
use report::{Report, Row};

const COMMAND: &str = "cargo bench -p ayt --bench idle";

const USAGE: &str = "usage: cargo bench -p ayt --bench idle -- [--quick] [--write] [--strict]

  --quick   2,000 connections instead of 15,000, one round
  --write   put the result into docs/benchmarks.md
  --strict  exit with 1 when a bar is missed
";

/// Who holds the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    /// A task that waits until there is something to read, and has no buffer.
    Waiting,
    /// A task that waits in a read with a buffer of 1 KiB of its own.
    Reading,
    /// A server of `ayt/1`; the program keeps its sessions in a list.
    Session,
    /// The same with a task of the program for each session.
    Served,
}

impl Contender {
    const ALL: [Self; 4] = [Self::Waiting, Self::Reading, Self::Session, Self::Served];

    const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "tokio, a task that waits for `readable`",
            Self::Reading => "tokio, a task in `read` with 1 KiB",
            Self::Session => "a session of `ayt/1`, kept in a list",
            Self::Served => "a session of `ayt/1` and a task of the program that reads it",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Session => "session",
            Self::Served => "served",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--as-server", which, count] => {
            servers::run(Contender::from_word(which).unwrap(), count.parse().unwrap());
            return ExitCode::SUCCESS;
        }
        ["--as-clients", which, count, to] => {
            let which = Contender::from_word(which).unwrap();
            clients::run(which, count.parse().unwrap(), to.parse().unwrap());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    common::run(COMMAND, USAGE, arguments.into_iter(), measured)
}

fn measured(options: Options) -> Outcome {
    let (count, rounds) = if options.quick {
        (2_000, 1)
    } else {
        (15_000, 3)
    };
    let mut rows = Contender::ALL.map(Row::new);
    for _ in 0..rounds {
        for row in &mut rows {
            progress(&format!("== {count}: {}\n", row.contender.name()));
            let grown = measure(row.contender, count);
            row.push(grown as f64 / count as f64);
        }
    }
    let report = Report::new(count, rows);
    Outcome {
        text: report.markdown(),
        missed: report.missed(),
    }
}

/// By how many bytes a server has grown that holds `count` idle connections.
fn measure(which: Contender, count: usize) -> usize {
    let number = count.to_string();
    let mut server = Process::start(&["--as-server", which.word(), &number]);
    let to = server.line();
    let before: usize = server.line().parse().unwrap();
    let mut clients = Process::start(&["--as-clients", which.word(), &number, &to]);
    assert_eq!(clients.line(), "all there");
    let after: usize = server.line().parse().unwrap();
    // Both end when their input does.
    clients.end();
    server.end();
    after.saturating_sub(before)
}

/// This program in another role.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            input: child.stdin.take(),
            child,
            output,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).unwrap();
        assert!(read > 0, "a part of the benchmark has ended early");
        line.trim_end().to_owned()
    }

    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of no effect on one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// To the process that has started this one.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Returns when the process that has started this one closes its end.
async fn until_the_end() {
    tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        while std::io::stdin()
            .read_line(&mut line)
            .is_ok_and(|read| read > 0)
        {}
    })
    .await
    .unwrap();
}
