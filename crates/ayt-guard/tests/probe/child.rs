//! An ayt in a process of its own, to be stopped and killed: this test binary
//! again, with its journal in a folder of its own.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::filter::Filter;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::{Engine, Probe};
use tempfile::TempDir;

use crate::bed::{Host, ask_until, is_alive};

/// `NAMESPACE ENGINE ROUNDS`; not set in an ordinary run.
const ORDERS: &str = "AYT_TEST_CHILD";

/// Its journals' folder.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The journals in it.
    pub(crate) fn journals(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path()).expect("the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
            .collect()
    }
}

/// A running child.
pub(crate) struct Ayt {
    child: Child,
    stdin: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Ayt {
    /// Starts one that asks all connections of a host, again and again.
    pub(crate) fn start(host: &Host, engine: Engine, folder: &Folder) -> Self {
        Self::spawn(host, engine, folder, u32::MAX)
    }

    /// Lets one ask once and returns what it reported.
    pub(crate) fn once(host: &Host, engine: Engine, folder: &Folder) -> BTreeMap<String, usize> {
        Self::spawn(host, engine, folder, 1).report()
    }

    fn spawn(host: &Host, engine: Engine, folder: &Folder, rounds: u32) -> Self {
        let program = env::current_exe().expect("this test binary");
        let orders = format!("{} {} {rounds}", host.ns.ino(), engine.name());
        let mut child = Command::new(program)
            .args(["--exact", "child::obeys", "--nocapture"])
            .env(ORDERS, orders)
            .env("AYT_RUNTIME_DIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let stdin = child.stdin.take().expect("its input");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Self {
            child,
            stdin,
            lines,
        }
    }

    /// Raises its stop flag, as SIGINT and SIGTERM do.
    pub(crate) fn stop(&mut self) {
        writeln!(self.stdin, "stop").expect("telling it to stop");
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killing it");
        self.child.wait().expect("its end");
    }

    /// The report of its last round, when it has ended by itself.
    pub(crate) fn report(mut self) -> BTreeMap<String, usize> {
        let mut last = None;
        for line in self.lines.by_ref().lines() {
            let line = line.expect("a line");
            if let Some((_, fields)) = line.split_once("report ") {
                last = Some(fields.to_owned());
            }
        }
        assert!(self.child.wait().expect("its end").success());
        let last = last.expect("a report");
        let fields = last.split_whitespace().map(|field| {
            let (name, value) = field.split_once('=').expect("name=value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        fields.collect()
    }
}

/// Not a test: what the child does. Alone it has nothing to do.
#[test]
fn obeys() {
    let Ok(orders) = env::var(ORDERS) else { return };
    let orders: Vec<&str> = orders.split(' ').collect();
    let [namespace, engine, rounds] = orders[..] else {
        panic!("bad orders: {orders:?}");
    };
    let stop = Arc::new(AtomicBool::new(false));
    listen(Arc::clone(&stop));
    let how = Probe {
        engine: Engine::ALL.into_iter().find(|one| one.name() == engine),
        patience: Some(Duration::from_secs(20)),
        ..Probe::default()
    };
    let look = Collect {
        filter: Filter {
            namespaces: vec![namespace.to_owned()],
            ..Filter::default()
        },
        exact: Exact::Never,
        doctor: None,
    };
    for _ in 0..rounds.parse::<u32>().expect("a number") {
        let facts = collect(&look).expect("a look");
        let report = ask_until(&facts, &how, &stop);
        let alive = report.answers.iter().filter(|one| is_alive(one)).count();
        let answered = report.answers.len();
        let interrupted = usize::from(report.interrupted);
        let undone = report.undone;
        let line = format!(
            "\nreport answered={answered} alive={alive} interrupted={interrupted} undone={undone}\n"
        );
        // The reader may have gone; so shall we, soon.
        let _ = std::io::stdout().write_all(line.as_bytes());
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Takes orders from standard input, and leaves when it ends: with the test
/// that started us, however that ended.
fn listen(stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            stop.store(line == "stop", Ordering::Relaxed);
        }
        std::process::exit(0);
    });
}
