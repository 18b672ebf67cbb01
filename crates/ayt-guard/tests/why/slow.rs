//! A server that takes its time over each client is not accused; the same, once it
//! has stopped taking any, is.

use std::io::Write as _;

use ayt_guard::why::{Answer, Question};
use ayt_testbed::{Fixture, Ns, eventually};

use crate::support::{
    Done, PATIENCE, ask, assert_well, because_that, can_python, connect, loopback, patient, python,
    says,
};

/// A server of one thread that does this over each client, half a second, and stays
/// with one that has sent something.
fn slow(ns: &Ns, work: &str) -> Result<Fixture, Box<dyn std::error::Error>> {
    python(
        ns,
        &format!(
            "s = socket.create_server(('127.0.0.1', 7000), backlog=100)\n\
             a, b = socket.socketpair()\na.settimeout(0.5)\n\
             def sleeps(): time.sleep(0.5)\n\
             def reads():\n    try: a.recv(1)\n    except TimeoutError: pass\n\
             def waits(): subprocess.run(['sleep', '0.5'])\n\
             def computes():\n    end = time.monotonic() + 0.5\n    \
                 while time.monotonic() < end: pass\n\
             while True:\n    c, _ = s.accept(); {work}()\n    \
                 r, _, _ = select.select([c], [], [], 0)\n    \
                 while r and c.recv(1): pass\n    c.close()"
        ),
    )
}

/// It looked longer than the two looks that everybody gets.
fn looked_on(answer: &Answer, question: &Question) -> bool {
    let second = answer.facts.second_look.as_ref();
    second.is_some_and(|second| second.after >= question.apart * 2)
}

fn is_well_though_clients_wait(work: &str) -> Done {
    if !can_python() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let _server = slow(&ns, work)?;
    drop(connect(&ns, loopback(7000)));
    let crowd = ["crowd", "127.0.0.1:7000", "--number", "6"];
    let _crowd = Fixture::start(&ns, crowd)?;
    let question = patient(&ns, ":7000");
    eventually("a client that waits on", PATIENCE, || {
        let answer = ask(&question).expect("an answer");
        assert_well(&answer);
        looked_on(&answer, &question)
    });
    // This one it takes, and no other after that.
    let mut last = connect(&ns, loopback(7000));
    last.write_all(b"stay")?;
    let stuck = because_that(&ns, ":7000", "accept-stuck", "recvfrom on descriptor");
    says(
        &stuck,
        &[&format!("a connection to {}", last.local_addr()?)],
    );
    Ok(())
}

#[test]
fn a_server_that_sleeps_over_each_client() -> Done {
    is_well_though_clients_wait("sleeps")
}

#[test]
fn a_server_that_waits_for_another_over_each_client() -> Done {
    is_well_though_clients_wait("reads")
}

#[test]
fn a_server_that_waits_for_a_child_over_each_client() -> Done {
    is_well_though_clients_wait("waits")
}

#[test]
fn a_server_that_computes_over_each_client() -> Done {
    is_well_though_clients_wait("computes")
}
