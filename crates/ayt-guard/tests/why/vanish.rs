//! Processes and connections that vanish while they are asked about.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ayt_guard::why::WhyError;
use ayt_testbed::{Fixture, Need, Ns, fixture_binary};

use crate::support::{Done, ask, assert_well, patient};

#[test]
fn a_hundred_answers_among_short_lives() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let addr = server.addr().to_string();
    let stop = AtomicBool::new(false);
    let binary = fixture_binary()?;
    let short_lives = || {
        while !stop.load(Ordering::Relaxed) {
            // Its input is at its end: it lives about as long as it takes to connect.
            let mut command = Command::new(binary);
            command.args(["hold", &addr, "--number", "3"]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let mut child = ns.spawn(&mut command).expect("starting a short life");
            child.wait().expect("waiting for its end");
        }
    };
    let mut named = 0;
    thread::scope(|scope| {
        let _stopped = StopAtEnd(&stop);
        scope.spawn(short_lives);
        for _ in 0..100 {
            let answer = ask(&patient(&ns, &format!(":{}", server.port()))).expect("an answer");
            assert_well(&answer);
            // Those that come and go themselves: known, or not any more.
            match ask(&patient(&ns, "command:ayt-fixture")) {
                Ok(answer) => {
                    named += 1;
                    assert_well(&answer);
                }
                Err(WhyError::Unresolved(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    assert!(named > 0, "the server alone was there at times");
    Ok(())
}

/// Ends the other threads also where the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
