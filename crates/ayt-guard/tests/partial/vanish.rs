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
use crate::look::Elsewhere;

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
        scope.spawn(short_connections);
        for round in 0..200 {
            let look = Collect {
                filter: here.clone(),
                exact: Exact::Always,
                doctor: (round % 10 == 0).then_some(Duration::from_millis(5)),
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

/// In a container, owners outside its pid namespace are hidden; connections that
/// end between two readings are not.
#[test]
fn churn_in_a_container_hides_nobody() -> Done {
    if !Need::root() || !Need::program("unshare", "apt-get install util-linux") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let fixture = fixture_binary()?.display().to_string();
    // All ends with the shell, the first process of its pid namespace.
    let inside = format!(
        "sleep 60 | {fixture} churn --bind 127.0.0.1:7000 >/dev/null & \
         sleep 60 | {fixture} crowd 127.0.0.1:7000 --number 8 >/dev/null 2>&1 & \
         for look in 1 2 3 4 5 6 7 8 9 10; do \"$@\"; done"
    );
    let shell = format!("unshare --pid --fork --mount-proc sh -c '{inside}' sh \"$@\"");
    let told = Elsewhere::new(&ns)?.told(&shell);
    assert_eq!(told.error, None);
    assert!(told.sockets.len() > 10, "the churn is seen: {told:?}");
    assert_eq!(told.partial, [""; 0]);

    // The test's own connection: its owner is outside.
    let server = Fixture::start(&ns, ["serve"])?;
    let addr = server.addr();
    let _outside = ns.run(|| TcpStream::connect(addr))?;
    let outside = "exec unshare --pid --fork --mount-proc \"$@\"";
    let told = Elsewhere::new(&ns)?.told(outside);
    let owners = told.partial_of("owners of 3 sockets are hidden");
    assert!(owners.contains("their processes are outside ayt's pid namespace"));
    Ok(())
}

/// Lets the threads end also when an assertion fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
