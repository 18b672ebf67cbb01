//! Queues that overflow, and descriptors that a child has inherited.

use std::net::SocketAddr;

use ayt_testbed::{Fixture, Need, Ns, eventually};

use crate::support::{
    Done, PATIENCE, ask, assert_well, because, because_that, can_python, connect, linked, loopback,
    patient, python, says, well, well_soon,
};

#[test]
fn a_queue_that_is_full_because_nobody_accepts() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-accept", "--backlog", "2"])?;
    let port = format!(":{}", server.port());
    let _one = connect(&ns, server.addr());
    let answer = because(&ns, &port, "accept-stuck");
    assert!(
        !answer.explanation.sentence.contains("full"),
        "one of two waits"
    );
    let addr = server.addr().to_string();
    let _crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "8"])?;
    let answer = because_that(&ns, &port, "accept-stuck", "The queue is full");
    says(
        &answer,
        &[
            "3 clients have waited",
            "(3 of backlog 2): who comes now is dropped",
        ],
    );
    linked(&answer, "queue:", "queues_at", "listener:");
    Ok(())
}

#[test]
fn a_busy_server_whose_queue_overflows() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let busy = ["busy-accept", "--backlog", "4", "--every", "20"];
    let server = Fixture::start(&ns, busy)?;
    let port = format!(":{}", server.port());
    well(&ns, &port);
    let addr = server.addr().to_string();
    let _crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "24"])?;
    let answer = because(&ns, &port, "backlog-overflow");
    says(&answer, &["backlog 4"]);
    linked(&answer, "queue:", "queues_at", "listener:");
    Ok(())
}

#[test]
fn a_busy_server_that_keeps_up_is_well() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let busy = ["busy-accept", "--backlog", "64", "--every", "20"];
    let server = Fixture::start(&ns, busy)?;
    let addr = server.addr().to_string();
    let _crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "12"])?;
    eventually("clients wait", PATIENCE, || {
        let rows = ns.tcp().expect("a table");
        rows.iter().filter(|row| row.inode == 0).count() > 4
    });
    let question = patient(&ns, &format!(":{}", server.port()));
    assert_well(&ask(&question)?);
    Ok(())
}

#[test]
fn a_child_that_inherited_a_connection() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["inherit", "--heir", "cat", "--keep"])?;
    let port = format!(":{}", server.port());
    well(&ns, &port);
    let _client = connect(&ns, server.addr());
    let line = server.wait_line("inherited", PATIENCE)?;
    let heir = &line["child"];
    let answer = because(&ns, &port, "inherited-descriptor");
    says(
        &answer,
        &[
            &format!("cat (pid {heir}) still holds a connection"),
            "sends no FIN",
        ],
    );
    linked(&answer, &format!("process:{heir}"), "inherited", "process:");
    Ok(())
}

#[test]
fn a_child_that_inherited_the_listener() -> Done {
    if !can_python() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let _server = python(
        &ns,
        "s = socket.create_server(('127.0.0.1', 7000))\n\
         t = socket.create_server(('127.0.0.1', 7001))\n\
         os.set_inheritable(s.fileno(), True)\n\
         p = subprocess.Popen(['sleep', '1000'], close_fds=False)\n\
         e = select.epoll(); e.register(s, 1); e.register(t, 1)\n\
         held = []\n\
         while True:\n    held += [(s if fd == s.fileno() else t).accept() for fd, _ in e.poll()]",
    )?;
    let _clients: Vec<_> = [7000, 7001]
        .map(|port| connect(&ns, SocketAddr::from(([127, 0, 0, 1], port))))
        .into();
    let answer = because(&ns, ":7000", "inherited-descriptor");
    says(
        &answer,
        &[
            "sleep (pid ",
            "holds the listener on 127.0.0.1:7000 too",
            "EADDRINUSE",
        ],
    );
    linked(&answer, "process:", "inherited", "process:");
    well_soon(&ns, ":7001");
    assert_eq!(loopback(7001).port(), 7001);
    Ok(())
}
