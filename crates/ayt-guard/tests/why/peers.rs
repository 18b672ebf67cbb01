//! Peers: silent behind a pool, rebooted, unreachable, not reading, unacknowledged.

use std::io::{Read, Write};
use std::net::SocketAddr;

use ayt_testbed::{Fixture, Need, Ns, Side, Wire, eventually};

use crate::support::{
    Done, PATIENCE, answered, because, because_that, can_python, connect, linked, loopback, only,
    python, says, shown, well, well_soon,
};

struct Hosts {
    here: Ns,
    far: Ns,
    wire: Wire,
}

fn hosts() -> Result<Hosts, Box<dyn std::error::Error>> {
    let (here, far) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&here, &far)?;
    Ok(Hosts { here, far, wire })
}

impl Hosts {
    fn server(&self) -> SocketAddr {
        SocketAddr::new(self.wire.v4(Side::B), 5432)
    }

    fn serve(&self) -> Result<Fixture, Box<dyn std::error::Error>> {
        Ok(Fixture::start(
            &self.far,
            ["serve", "--bind", "0.0.0.0:5432"],
        )?)
    }

    fn pool(&self, number: &str) -> Result<Fixture, Box<dyn std::error::Error>> {
        let to = self.server().to_string();
        Ok(Fixture::start(
            &self.here,
            ["hold", &to, "--number", number],
        )?)
    }
}

#[test]
fn a_pool_of_which_the_server_has_gone() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = hosts()?;
    let _server = hosts.serve()?;
    let pool = hosts.pool("3")?;
    let pid = format!("pid:{}", pool.pid());
    let well = well_soon(&hosts.here, &pid);
    assert!(
        well.explanation.sentence.contains("3 connections"),
        "{well:?}"
    );
    hosts.wire.cut();
    let answer = because(&hosts.here, &pid, "half-open");
    says(
        &answer,
        &[
            &format!(
                "The peer of 3 connections of ayt-fixture (pid {})",
                pool.pid()
            ),
            &format!(
                "to {} is gone: asked 3 times on each, it is silent (half-open).",
                hosts.server()
            ),
            "They are the whole pool",
        ],
    );
    assert_eq!(answer.asked, Some(3));
    only(&answer);
    linked(&answer, "connection:", "asked", "peer:");
    // The same, asked by the server's port and by one of the connections.
    says(
        &because(&hosts.here, ":5432", "half-open"),
        &["3 connections"],
    );
    let local = answer.facts.sockets[answer.subject.connections[0]].local;
    let pair = format!("{local},{}", hosts.server());
    says(
        &because(&hosts.here, &pair, "half-open"),
        &["connection to"],
    );
    // Who asks nobody is told no death.
    let mut question = crate::support::question(&hosts.here, &pid);
    question.probe = None;
    let quiet = crate::support::ask(&question)?;
    crate::support::assert_well(&quiet);
    says(
        &quiet,
        &["In what could be seen", "(3 peers were silent for up to "],
    );
    assert_eq!(quiet.asked, None);
    hosts.wire.heal();
    well_soon(&hosts.here, &pid);
    Ok(())
}

#[test]
fn a_living_connection_still_carries_data_after_it_was_asked_about() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = hosts()?;
    let _server = hosts.serve()?;
    // Somebody must live here, or the namespace is not found.
    let _resident = Fixture::start(&hosts.here, ["serve"])?;
    let mut client = connect(&hosts.here, hosts.server());
    client.set_read_timeout(Some(PATIENCE))?;
    let pair = format!("{}-{}", client.local_addr()?, hosts.server());
    for _ in 0..3 {
        let answer = well(&hosts.here, &pair);
        assert_eq!(answer.asked, Some(1));
        says(&answer, &["1 peer, which was asked and is alive"]);
        client.write_all(b"ping")?;
        let mut echo = [0; 4];
        client.read_exact(&mut echo)?;
        assert_eq!(&echo, b"ping");
    }
    Ok(())
}

#[test]
fn a_peer_that_rebooted_answers_with_rst() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = hosts()?;
    let _server = hosts.serve()?;
    let pool = hosts.pool("2")?;
    let pid = format!("pid:{}", pool.pid());
    well_soon(&hosts.here, &pid);
    let _rebooted = hosts.wire.reboot(Side::B)?;
    // It is told once: the answer ends the connections.
    let answer = because(&hosts.here, &pid, "peer-rebooted");
    says(
        &answer,
        &[
            "asked, its kernel answered with RST",
            "It has rebooted",
            "ECONNRESET",
        ],
    );
    linked(&answer, "connection:", "asked", "peer:");
    Ok(())
}

#[test]
fn a_syn_that_nothing_answers_and_who_sits_behind_it() -> Done {
    if !Need::tun() || !can_python() {
        return Ok(());
    }
    let hosts = hosts()?;
    let _server = hosts.serve()?;
    let healthy = hosts.pool("1")?;
    hosts.wire.cut();
    let to = hosts.server();
    let client = python(
        &hosts.here,
        &format!(
            "socket.create_connection(('{}', {}))",
            to.ip(),
            to.port() + 1
        ),
    )?;
    let pid = client.pid();
    let answer = because(&hosts.here, &format!("pid:{pid}"), "firewall-drop");
    says(
        &answer,
        &[
            &format!(
                "python3 (pid {pid}) cannot connect to {}:{}",
                to.ip(),
                to.port() + 1
            ),
            "its SYN was sent",
            &format!("Behind it sits thread {pid} in connect"),
            // It was, before the cable was cut.
            "Another connection to that host is open, last heard ",
        ],
    );
    linked(&answer, "thread:", "blocked_in", "descriptor:");
    hosts.wire.heal();
    well_soon(&hosts.here, &format!("pid:{}", healthy.pid()));
    Ok(())
}

#[test]
fn a_full_send_queue_behind_a_reader_that_is_stuck() -> Done {
    if !can_python() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let reader = python(
        &ns,
        "s = socket.create_server(('127.0.0.1', 7000))\nc, _ = s.accept()\n\
         subprocess.run(['sleep', '1000'])",
    )?;
    eventually("it listens", PATIENCE, || {
        let rows = ns.tcp().expect("a table");
        rows.iter().any(|row| row.local == loopback(7000))
    });
    let writer = python(
        &ns,
        "c = socket.create_connection(('127.0.0.1', 7000))\nc.sendall(b'x' * 100_000_000)",
    )?;
    let answer = because_that(
        &ns,
        &format!("pid:{}", writer.pid()),
        "zero-window",
        "for the end of its child sleep",
    );
    says(
        &answer,
        &[
            "sat in sendto on descriptor 3",
            &format!("of python3 (pid {}) on this host", reader.pid()),
            "sat in wait4",
        ],
    );
    // A writer whose reader reads is well.
    let healthy = Fixture::start(&ns, ["serve"])?;
    let mut client = connect(&ns, healthy.addr());
    client.write_all(&[b'x'; 4000])?;
    well_soon(&ns, &format!(":{}", healthy.port()));
    Ok(())
}

#[test]
fn data_that_nobody_acknowledges() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = hosts()?;
    let to = hosts.server().to_string();
    let _server = Fixture::start(&hosts.far, ["leak-close-wait", "--bind", "0.0.0.0:5432"])?;
    let flood = Fixture::start(&hosts.here, ["flood", &to])?;
    let pid = format!("pid:{}", flood.pid());
    well(&hosts.here, &pid);
    hosts.wire.cut();
    // Asked it is certain; unasked the retransmissions tell.
    let again = "not acknowledged, though sent ";
    let answer = because_that(&hosts.here, &pid, "half-open", again);
    says(&answer, &[&to]);
    let mut question = crate::support::question(&hosts.here, &pid);
    question.probe = None;
    let answer = answered(&question, "retransmitting", "");
    only(&answer);
    says(&answer, &[&to]);
    linked(&answer, "process:", "holds", "descriptor:");
    Ok(())
}

#[test]
fn data_that_the_program_does_not_read() -> Done {
    if !can_python() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = python(
        &ns,
        "s = socket.create_server(('127.0.0.1', 7000))\nc, _ = s.accept()\n\
         d, _ = s.accept()\nd.recv(1)\n",
    )?;
    let mut client = connect(&ns, loopback(7000));
    let _other = connect(&ns, loopback(7000));
    client.write_all(b"a question")?;
    let answer = because(&ns, &format!("pid:{}", server.pid()), "unread");
    says(&answer, &["recvfrom on descriptor 5"]);
    assert!(shown(&answer, "thread").parse::<u32>().is_ok());
    Ok(())
}
