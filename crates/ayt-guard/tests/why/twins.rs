//! Healthy twins: programs in which everything that may block a server is blocked, or
//! was, and which serve all the same. None is accused.

use std::io::{Read as _, Write as _};

use ayt_testbed::{Fixture, Need, Ns, eventually};

use crate::support::{Done, PATIENCE, can_python, connect, loopback, python, says, well_soon};

/// A server whose other threads sit in a read of a client, on a lock, and for a
/// child, while its main thread accepts.
#[test]
fn a_server_whose_other_threads_are_blocked() -> Done {
    if !can_python() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = python(
        &ns,
        "s = socket.create_server(('127.0.0.1', 7000))\n\
         l = threading.Lock(); l.acquire()\n\
         c, _ = s.accept()\n\
         child = lambda: subprocess.run(['sleep', '1000'])\n\
         for f in (lambda: c.recv(1), l.acquire, child):\n    \
             threading.Thread(target=f, daemon=True).start()\n\
         held = []\n\
         while True: held.append(s.accept())",
    )?;
    let _clients: Vec<_> = (0..4).map(|_| connect(&ns, loopback(7000))).collect();
    // Each is where it is to be, and nobody is accused of it.
    let sits = ["recvfrom", "futex", "wait4", "accept4"];
    let answer = eventually("all threads are blocked", PATIENCE, || {
        let answer = well_soon(&ns, ":7000");
        let threads = answer.facts.inside.threads_of(server.pid()).ok()?.clone();
        let calls: Vec<String> = threads
            .seen
            .iter()
            .filter_map(|one| Some(one.thread.call.known()?.as_ref()?.name.clone()))
            .collect();
        let all = sits
            .iter()
            .all(|name| calls.iter().any(|call| call == name));
        all.then_some(answer)
    });
    says(&answer, &["(one in accept4)"]);
    Ok(())
}

/// A lock, a child and a write that take their time, and end.
#[test]
fn a_server_that_was_blocked_and_is_no_more() -> Done {
    if !can_python() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = python(
        &ns,
        "s = socket.create_server(('127.0.0.1', 7000))\n\
         l = threading.Lock()\n\
         def hold():\n    \
             with l: c.recv(1)\n\
         held = []\n\
         while True:\n    \
             c, _ = s.accept(); held.append(c)\n    \
             t = threading.Thread(target=hold); t.start(); t.join()\n    \
             l.acquire(); l.release()\n    \
             subprocess.run(['true'])\n    \
             c.sendall(b'x' * 4_000_000)",
    )?;
    let mut clients: Vec<_> = (0..3).map(|_| connect(&ns, loopback(7000))).collect();
    for client in &mut clients {
        client.write_all(b"?")?;
        client.read_exact(&mut vec![0; 4_000_000])?;
    }
    let answer = eventually("it accepts", PATIENCE, || {
        let answer = well_soon(&ns, ":7000");
        let sentence = &answer.explanation.sentence;
        sentence.contains("(one in accept4)").then_some(answer)
    });
    assert_eq!(answer.subject.pids, [server.pid()]);
    Ok(())
}

/// What a program reads is not told as unread, whatever came.
#[test]
fn a_server_that_reads_what_comes() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let mut client = connect(&ns, server.addr());
    let mut echo = [0; 1000];
    client.write_all(&[b'x'; 1000])?;
    client.read_exact(&mut echo)?;
    assert_eq!(echo, [b'x'; 1000]);
    let answer = well_soon(&ns, &format!("pid:{}", server.pid()));
    says(&answer, &["1 connection"]);
    Ok(())
}
