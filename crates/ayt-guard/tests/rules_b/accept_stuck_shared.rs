//! S12 where listeners are shared, where the server is not ours, and where the
//! look sees too little to judge.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use ayt_core::doctor::Outcome;
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Fixture, Need, Ns, eventually};

use crate::support::{Done, Look, PATIENCE, amount, connect, number, owners, text, wait_queued};

const RULE: &str = "accept-stuck";

/// Connects until so many wait on the one of a pair that does not accept.
fn fill(ns: &Ns, addr: SocketAddr, waiting: usize) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    eventually("enough wait", PATIENCE, || {
        clients.push(connect(ns, addr));
        let rows = ns.tcp().expect("the table of a namespace");
        let queued = |row: &ayt_testbed::TcpRow| {
            row.local == addr && row.state == ayt_testbed::TcpState::Listen
        };
        let longest = rows
            .iter()
            .filter(|row| queued(row))
            .map(|row| row.rx_queue);
        longest.max() >= Some(u32::try_from(waiting).expect("few"))
    });
    clients
}

#[test]
fn of_a_reuseport_pair_only_the_stuck_one_is_accused() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let stuck = Fixture::start(&ns, ["stuck-accept", "--reuseport"])?;
    let addr = stuck.addr().to_string();
    let well = Fixture::start(&ns, ["serve", "--reuseport", "--bind", &addr])?;
    let _clients = fill(&ns, stuck.addr(), 3);
    let fd = number(&stuck, "stuck", "fd");
    let finding = Look::of(&ns).one(RULE);
    assert_eq!(text(&finding, "call"), format!("recvfrom({fd})"));
    let listener: u32 = stuck.field("listener");
    assert_eq!(
        owners(&finding),
        [(stuck.pid(), listener), (stuck.pid(), fd)]
    );
    assert!(!finding.summary.contains(&well.pid().to_string()));
    assert!(amount(&finding, "waiting") >= 3);
    Ok(())
}

#[test]
fn beside_a_busy_one_the_lengths_of_the_queues_prove_who_is_stuck() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let stuck = Fixture::start(&ns, ["stuck-accept", "--reuseport"])?;
    let addr = stuck.addr().to_string();
    let busy = [
        "busy-accept",
        "--reuseport",
        "--every",
        "20",
        "--bind",
        &addr,
    ];
    let busy = Fixture::start(&ns, busy)?;
    let _clients = fill(&ns, stuck.addr(), 3);
    let _crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "20"])?;
    let fd = number(&stuck, "stuck", "fd");
    let look = Look::of(&ns);
    // The crowd ends up waiting on the stuck one as well, and the busy one's
    // queue is empty then; until then the lengths decide. Never the busy one.
    let mut proved = 0;
    for _ in 0..4 {
        for finding in look.run(RULE).findings {
            assert!(owners(&finding).iter().all(|one| one.0 == stuck.pid()));
            assert_eq!(text(&finding, "call"), format!("recvfrom({fd})"));
            assert!(!finding.summary.contains(&busy.pid().to_string()));
            proved += 1;
        }
    }
    assert!(proved > 0, "the stuck one is found beside the busy one");
    Ok(())
}

#[test]
fn an_ordinary_python_server_that_waits_for_a_request() -> Done {
    if !Need::root() || !Need::program("python3", "apt-get install python3") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let port = ns.free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let program = format!(
        "import socket\n\
         s = socket.create_server(('127.0.0.1', {port}), backlog=5)\n\
         while True:\n\
         \x20   c, _ = s.accept()\n\
         \x20   f = c.makefile('rb')\n\
         \x20   f.readline()\n\
         \x20   c.sendall(b'hello\\n')\n\
         \x20   c.close()\n"
    );
    let server = Fixture::start(&ns, ["tether", "--", "python3", "-c", &program])?;
    let silent = eventually("the server listens", PATIENCE, || {
        ns.run(|| TcpStream::connect(addr))
    });
    let _waiting = [connect(&ns, addr), connect(&ns, addr)];
    wait_queued(&ns, port, 2);
    let finding = Look::of(&ns).one(RULE);
    let program = format!("python3 (pid {})", server.pid());
    assert!(finding.summary.starts_with(&program), "{}", finding.summary);
    assert_eq!(
        text(&finding, "blocked_on"),
        silent.local_addr()?.to_string()
    );
    assert_eq!(amount(&finding, "waiting"), 2);
    assert_eq!(amount(&finding, "backlog"), 5);
    // It reads through a file object: recv or read, by the version of Python.
    let call = text(&finding, "call");
    let (name, fd) = call.split_once('(').expect("a call with a descriptor");
    assert!(matches!(name, "recvfrom" | "read" | "recvmsg"), "{call}");
    let fd: u32 = fd.trim_end_matches(')').parse()?;
    assert!(owners(&finding).contains(&(server.pid(), fd)));
    Ok(())
}

#[test]
fn a_program_without_descriptors_cannot_accept() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let full = ["fd-hog", "--free", "0", "--bind", "127.0.0.1:0"];
    let server = Fixture::start(&ns, full)?;
    let _waiting = connect(&ns, server.addr());
    let finding = Look::of(&ns).one(RULE);
    let limit: u64 = server.field("limit");
    assert_eq!(amount(&finding, "descriptor_limit"), limit);
    let cure = format!("`prlimit --pid {} --nofile={}:`", server.pid(), 2 * limit);
    assert!(finding.remedy.starts_with(&cure), "{}", finding.remedy);
    Ok(())
}

#[test]
fn one_look_is_too_few_to_accuse() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-accept"])?;
    let _waiting = [connect(&ns, server.addr()), connect(&ns, server.addr())];
    let outcome = Look::of(&ns).apart(None).run(RULE);
    assert!(outcome.findings.is_empty(), "{outcome:?}");
    assert_eq!(
        outcome.unknown[0].what,
        "whether 2 connections in accept queues are taken"
    );
    Ok(())
}

#[test]
fn without_the_listener_in_view_nobody_is_accused_and_that_is_said() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-accept"])?;
    let _waiting = connect(&ns, server.addr());
    let mut look = Look::of(&ns);
    look.collect.filter.states = vec![TcpState::Established];
    let outcome = look.run(RULE);
    assert!(outcome.findings.is_empty(), "{outcome:?}");
    assert_eq!(
        outcome.unknown[0].what,
        "who should accept 1 connection that waits"
    );
    Ok(())
}

#[test]
fn asked_about_one_process_what_waits_for_it_is_seen() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["stuck-accept"])?;
    let other = Fixture::start(&ns, ["no-accept"])?;
    let _clients = [
        connect(&ns, server.addr()),
        connect(&ns, server.addr()),
        connect(&ns, other.addr()),
    ];
    let fd = number(&server, "stuck", "fd");
    wait_queued(&ns, server.port(), 1);
    let finding = Look::of_pids(&[server.pid()]).one(RULE);
    assert_eq!(text(&finding, "call"), format!("recvfrom({fd})"));
    assert_eq!(amount(&finding, "waiting"), 1);
    let mut by_command = Look::of(&ns);
    by_command.collect.filter.commands = vec!["no-such-command".to_owned()];
    assert_eq!(by_command.run(RULE), Outcome::default());
    Ok(())
}
