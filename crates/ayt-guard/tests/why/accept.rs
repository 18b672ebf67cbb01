//! A program that does not accept: blocked in read, write, close, a lock, for a
//! child, deaf, stopped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use ayt_testbed::{Fixture, Need, Ns, Side, Wire, eventually};

use crate::support::{
    Done, PATIENCE, because, because_that, can_python, connect, linked, loopback, only, python,
    says, shown, well, well_soon,
};

/// A namespace in which a Python program listens on port 7000 and does this with
/// its first client `c`; two more wait, and are returned with the first.
fn python_stuck(then: &str) -> Result<(Ns, Fixture, Vec<TcpStream>), Box<dyn std::error::Error>> {
    let ns = Ns::new()?;
    let server = python(
        &ns,
        &format!("s = socket.create_server(('127.0.0.1', 7000))\nc, _ = s.accept()\n{then}"),
    )?;
    let clients = (0..3).map(|_| connect(&ns, loopback(7000))).collect();
    Ok((ns, server, clients))
}

#[test]
fn a_read_of_a_ghost_and_the_same_while_its_peer_lives() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (home, away) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&home, &away)?;
    let server = Fixture::start(&home, ["stuck-accept", "--bind", "0.0.0.0:7000"])?;
    let here = SocketAddr::new(wire.v4(Side::A), 7000);
    let mut far = connect(&away, here);
    let stuck = server.wait_line("stuck", PATIENCE)?;
    let (fd, peer) = (&stuck["fd"], &stuck["peer"]);
    // Nobody waits: a server that serves its one client is well.
    well(&home, ":7000");
    let _waiting = [
        connect(&home, loopback(7000)),
        connect(&home, loopback(7000)),
    ];

    let alive = because_that(&home, ":7000", "accept-stuck", "kernel answers");
    let pid = server.pid();
    says(
        &alive,
        &[
            &format!("(pid {pid}) does not accept on :7000."),
            &format!("recvfrom on descriptor {fd}"),
            &format!("descriptor {fd} is a connection to {peer}"),
            "2 clients have waited up to ",
        ],
    );
    assert_eq!(alive.asked, Some(1));
    // And it still carries data, both ways.
    far.write_all(b"harmless")?;

    wire.cut();
    let dead = because_that(&home, ":7000", "accept-stuck", "half-open");
    says(
        &dead,
        &["which was asked 3 times and is silent (half-open)"],
    );
    only(&dead);
    assert_eq!(shown(&dead, "asks"), "3");
    assert_eq!(shown(&dead, "verdict"), "dead");
    assert_eq!(shown(&dead, "cause"), "unanswered");
    let thread = format!("thread:{pid}/");
    linked(
        &dead,
        &thread,
        "blocked_in",
        &format!("descriptor:{pid}/{fd}"),
    );
    linked(&dead, "connection:", "asked", &format!("peer:{peer}"));
    linked(&dead, "queue:", "queues_at", "listener:");
    let remedy = dead.explanation.remedy();
    assert!(remedy[0].starts_with("`ayt reap "), "{remedy:?}");
    // The living twin in the same namespace is not accused.
    let healthy = Fixture::start(&home, ["serve", "--bind", "127.0.0.1:7001"])?;
    let _client = connect(&home, healthy.addr());
    well_soon(&home, ":7001");
    Ok(())
}

#[test]
fn a_write_that_the_client_does_not_read() -> Done {
    if !can_python() {
        return Ok(());
    }
    let (ns, server, clients) = python_stuck("c.sendall(b'x' * 100_000_000)")?;
    let answer = because_that(&ns, ":7000", "accept-stuck", "wait there to be sent");
    let client = clients[0].local_addr()?;
    says(
        &answer,
        &[
            "sat in sendto on descriptor 4",
            &format!("a connection to {client}"),
            "2 clients have waited",
        ],
    );
    assert!(shown(&answer, "queued_bytes").parse::<u64>()? > 0);
    drop(server);
    Ok(())
}

#[test]
fn a_close_that_lingers() -> Done {
    if !can_python() {
        return Ok(());
    }
    let (ns, _server, clients) = python_stuck(
        "c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 300))\n\
         c.setblocking(False)\n\
         try:\n    while True: c.send(b'x' * 65536)\n\
         except BlockingIOError: pass\n\
         c.setblocking(True)\n\
         c.close()",
    )?;
    let answer = because_that(&ns, ":7000", "accept-stuck", "SO_LINGER");
    let client = clients[0].local_addr()?;
    says(
        &answer,
        &[
            "sat in close ",
            &format!("most likely the connection to {client}"),
            "2 clients have waited",
        ],
    );
    // Reading lets it go on.
    let mut reader = &clients[0];
    let mut buffer = vec![0; 1 << 16];
    eventually("all is read", PATIENCE, || {
        reader.read(&mut buffer).is_ok_and(|n| n == 0)
    });
    Ok(())
}

#[test]
fn a_lock_whose_holder_sits_in_a_read() -> Done {
    if !can_python() {
        return Ok(());
    }
    let (ns, server, clients) = python_stuck(
        "libc = ctypes.CDLL(None)\n\
         lock = ctypes.create_string_buffer(64)\n\
         held = threading.Event()\n\
         def hold():\n    libc.pthread_mutex_lock(lock); held.set(); c.recv(1)\n\
         threading.Thread(target=hold, daemon=True).start()\n\
         held.wait()\n\
         libc.pthread_mutex_lock(lock)",
    )?;
    let client = clients[0].local_addr()?;
    // The thread that sits on the client explains it best; the lock stands
    // between, and the graph has it where the main thread is followed.
    let answer = because_that(&ns, ":7000", "accept-stuck", "recvfrom on descriptor 4");
    says(&answer, &[&format!("a connection to {client}")]);
    let inside = answer
        .facts
        .inside
        .threads_of(server.pid())
        .expect("threads");
    let main = &inside.seen[0];
    let holder = inside.seen[1].thread.tid;
    match main.waits_on.known() {
        Some(ayt_core::facts::WaitsOn::Lock { holder: found, .. }) => {
            assert_eq!(*found, Some(holder));
        }
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[test]
fn a_lock_whose_holder_sleeps() -> Done {
    if !can_python() {
        return Ok(());
    }
    let (ns, _server, _clients) = python_stuck(
        "libc = ctypes.CDLL(None)\n\
         lock = ctypes.create_string_buffer(64)\n\
         held = threading.Event()\n\
         def hold():\n    libc.pthread_mutex_lock(lock); held.set(); time.sleep(1000)\n\
         threading.Thread(target=hold, daemon=True).start()\n\
         held.wait()\n\
         libc.pthread_mutex_lock(lock)",
    )?;
    let answer = because_that(&ns, ":7000", "accept-stuck", "for a lock that thread ");
    says(
        &answer,
        &["sat in futex", "clock_nanosleep", "2 clients have waited"],
    );
    linked(&answer, "thread:", "waits_for", "lock:");
    linked(&answer, "thread:", "holds", "lock:");
    Ok(())
}

#[test]
fn a_lock_that_does_not_say_who_holds_it() -> Done {
    if !can_python() {
        return Ok(());
    }
    let (ns, _server, _clients) = python_stuck("l = threading.Lock()\nl.acquire()\nl.acquire()")?;
    let answer = because_that(&ns, ":7000", "accept-stuck", "sat in futex");
    says(&answer, &["which, the kernel does not know"]);
    Ok(())
}

#[test]
fn a_child_that_does_not_end() -> Done {
    if !can_python() {
        return Ok(());
    }
    let (ns, server, _clients) = python_stuck("subprocess.run(['sleep', '1000'])")?;
    let answer = because_that(
        &ns,
        ":7000",
        "accept-stuck",
        "for the end of its child sleep",
    );
    says(
        &answer,
        &["sat in wait4", "sleep's only thread", "clock_nanosleep"],
    );
    linked(
        &answer,
        &format!("thread:{}", server.pid()),
        "waits_for",
        "process:",
    );
    Ok(())
}

#[test]
fn an_event_loop_without_its_listener_and_one_with_it() -> Done {
    if !can_python() {
        return Ok(());
    }
    for wait in [
        "e = select.epoll(); e.register(r, 1); e.poll()",
        "e = select.poll(); e.register(r, 1); e.poll()",
        "select.select([r], [], [])",
    ] {
        let (ns, _server, _clients) = python_stuck(&format!("r, w = os.pipe()\n{wait}"))?;
        let answer = because_that(&ns, ":7000", "accept-stuck", "not among them");
        says(
            &answer,
            &["for events of 1 descriptor; the listener is not among them"],
        );
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let _client = connect(&ns, server.addr());
    let answer = well_soon(&ns, &format!(":{}", server.port()));
    says(
        &answer,
        &["(one in epoll_pwait, which waits for the listener)"],
    );
    Ok(())
}

#[test]
fn a_stopped_program_until_it_goes_on() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let port = format!(":{}", server.port());
    well_soon(&ns, &port);
    server.freeze()?;
    let answer = because(&ns, &port, "stopped");
    says(&answer, &["answers nobody. It is stopped"]);
    let _waiting = connect(&ns, server.addr());
    let answer = because_that(&ns, &port, "accept-stuck", "1 client has waited");
    says(&answer, &["It is stopped (SIGSTOP"]);
    let remedy = answer.explanation.remedy();
    assert!(remedy[0].starts_with("`kill -CONT "), "{remedy:?}");
    server.thaw()?;
    well_soon(&ns, &port);
    Ok(())
}

#[test]
fn threads_by_the_thousand_are_not_all_read_and_that_is_said() -> Done {
    if !can_python() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = python(
        &ns,
        "s = socket.create_server(('127.0.0.1', 7000))\n\
         threading.stack_size(65536)\n\
         for _ in range(1200): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n\
         while True: s.accept()",
    )?;
    let _client = connect(&ns, loopback(7000));
    let answer = eventually("all threads are there", PATIENCE, || {
        let answer = well_soon(&ns, ":7000");
        let threads = answer.facts.inside.threads_of(server.pid()).ok()?.clone();
        (threads.not_read == 1201 - 256).then_some(answer)
    });
    let partial = &answer.explanation.partial;
    let told = partial
        .iter()
        .find(|one| one.what.contains("945 threads of python3"));
    let told = told.unwrap_or_else(|| panic!("{partial:?}"));
    assert_eq!(told.why, "only its first 256 were read");
    Ok(())
}
