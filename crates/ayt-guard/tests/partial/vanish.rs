//! Processes and sockets that vanish while they are read are no gap.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use ayt_core::filter::Filter;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_testbed::{Fixture, Need, Ns, fixture_binary};

use crate::Done;

#[test]
fn two_hundred_looks_among_short_lived_processes() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let addr = server.addr();
    let here = Filter {
        namespaces: vec![ns.ino().to_string()],
        ..Filter::default()
    };
    let quiet = Collect {
        filter: here.clone(),
        ..Collect::default()
    };
    let known = collect(&quiet).expect("a look").partial.clone();
    let (stop, born) = (AtomicBool::new(false), AtomicU32::new(0));
    let binary = fixture_binary()?;
    let short_lives = || {
        while !stop.load(Ordering::Relaxed) {
            // Its input is at its end: it lives about as long as it takes to
            // connect, now and then less.
            let mut command = Command::new(binary);
            command.args(["hold", &addr.to_string(), "--number", "5"]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let mut child = ns.spawn(&mut command).expect("starting a short life");
            child.wait().expect("waiting for its end");
            born.fetch_add(1, Ordering::Relaxed);
        }
    };
    let short_connections = || {
        while !stop.load(Ordering::Relaxed) {
            ns.run(|| {
                for _ in 0..50 {
                    drop(TcpStream::connect(addr));
                }
            });
        }
    };
    thread::scope(|scope| {
        let stopped = StopAtEnd(&stop);
        scope.spawn(short_lives);
        scope.spawn(short_lives);
        scope.spawn(short_connections);
        for round in 0..200 {
            let look = Collect {
                filter: here.clone(),
                exact: Exact::Always,
                doctor: (round % 4 == 0).then_some(Duration::from_millis(5)),
            };
            let facts = collect(&look).expect("a look");
            // A machine may have a process that is hidden for good.
            let gap = facts.partial.iter().find(|one| !known.contains(one));
            assert!(gap.is_none(), "round {round}: {gap:?}");
        }
        drop(stopped);
    });
    let born = born.into_inner();
    assert!(born > 50, "only {born} processes came and went");
    Ok(())
}

/// Lets the threads end also when an assertion fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
