//! What framing, acknowledging and keeping for replay cost: messages to a server and
//! back over loopback, on `ayt/1` sessions and beside them on bare tokio TCP and on
//! tokio's own framing, in rounds that alternate. Server and client each have a thread.
//!
//! ```text
//! cargo bench -p ayt --bench echo [-- --quick] [--write] [--strict]
//! ```

#![allow(clippy::unwrap_used, reason = "what goes wrong in a benchmark ends it")]

mod bare;
#[path = "../common/mod.rs"]
mod common;
mod framed;
mod report;
mod session;
#[path = "../common/stopwatch.rs"]
mod stopwatch;

use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use common::{Options, Outcome, progress};
use report::{Report, Row};

const COMMAND: &str = "cargo bench -p ayt --bench echo";

const USAGE: &str = "usage: cargo bench -p ayt --bench echo -- [--quick] [--write] [--strict]

  --quick   fewer rounds and messages: done within half a minute
  --write   put the result into docs/benchmarks.md
  --strict  exit with 1 when a bar is missed
";

/// Bytes of a message.
const SMALL: usize = 64;
const LARGE: usize = 16 * 1024;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    /// Bytes as they come, by `read` and `write_all`.
    Bare,
    /// `LengthDelimitedCodec` of tokio-util.
    Framed,
    /// A session of `ayt/1`.
    Session,
}

impl Contender {
    const ALL: [Self; 3] = [Self::Bare, Self::Framed, Self::Session];

    const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare tokio TCP",
            Self::Framed => "`LengthDelimitedCodec` of tokio-util",
            Self::Session => "a session of `ayt/1`",
        }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy)]
enum Job {
    /// As many messages as there is room for are under way.
    Stream { length: usize, messages: usize },
    /// One message at a time: the time until each is back.
    PingPong { length: usize, messages: usize },
}

/// What came of it.
struct Done {
    wall: Duration,
    /// Of each message, in ping-pong.
    times: Vec<Duration>,
}

fn main() -> ExitCode {
    common::run(COMMAND, USAGE, std::env::args().skip(1), measured)
}

fn measured(options: Options) -> Outcome {
    let (rounds, many, turns) = if options.quick {
        (3, 4_000, 4_000)
    } else {
        (15, 30_000, 20_000)
    };
    let jobs = [
        (
            "16 KiB, streamed",
            Job::Stream {
                length: LARGE,
                messages: many,
            },
        ),
        (
            "64 B, streamed",
            Job::Stream {
                length: SMALL,
                messages: many * 4,
            },
        ),
        (
            "16 KiB, one at a time",
            Job::PingPong {
                length: LARGE,
                messages: turns,
            },
        ),
        (
            "64 B, one at a time",
            Job::PingPong {
                length: SMALL,
                messages: turns,
            },
        ),
    ];
    let mut report = Report::new();
    for (name, job) in jobs {
        progress(&format!("== {name}\n"));
        let mut rows = Contender::ALL.map(|contender| Row::new(contender, job));
        for round in 0..=rounds {
            // Each goes first in turn; the first round warms up.
            for step in 0..rows.len() {
                let which = (round + step) % rows.len();
                let done = run(rows[which].contender, job);
                if round > 0 {
                    rows[which].push(done);
                }
            }
        }
        report.add(name, rows);
    }
    Outcome {
        text: report.markdown(),
        missed: report.missed(),
    }
}

/// A server on a thread of its own, a client on this one.
fn run(contender: Contender, job: Job) -> Done {
    match contender {
        Contender::Bare => between(bare::serve, |to| bare::client(to, job)),
        Contender::Framed => between(framed::serve, |to| framed::client(to, job)),
        Contender::Session => between(session::serve, |to| session::client(to, job)),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("building a runtime: {error}"))
}

/// `serve` tells where it listens, and ends with its one client.
fn between<S, C>(
    serve: impl FnOnce(std::sync::mpsc::Sender<SocketAddr>) -> S + Send + 'static,
    client: impl FnOnce(SocketAddr) -> C,
) -> Done
where
    S: Future<Output = ()>,
    C: Future<Output = Done>,
{
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || runtime().block_on(serve(tell)));
    let to = told
        .recv()
        .unwrap_or_else(|_| panic!("the server did not begin"));
    let done = runtime().block_on(client(to));
    server
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    done
}
