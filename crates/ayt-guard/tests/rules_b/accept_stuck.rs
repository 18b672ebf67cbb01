//! S12: clients show as ESTABLISHED and never reach the program's code.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ayt_core::doctor::Severity;
use ayt_core::facts::HostFacts;
use ayt_core::tcp_state::TcpState;
use ayt_guard::reap::{Order, Outcome as Reaped, reap};
use ayt_testbed::{Fixture, Need, Ns, Side, Wire, eventually};

use crate::support::{
    Done, Look, PATIENCE, amount, connect, number, owners, peers, probed, text, wait_queued,
};

const RULE: &str = "accept-stuck";

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The server at one end of a wire, stuck in a read of a client at the other
/// end, and the wire cut: a ghost.
struct Haunted {
    server: Fixture,
    home: Ns,
    /// The server's descriptor on the ghost.
    fd: u32,
    ghost: SocketAddr,
    _far: Fixture,
    _wire: Wire,
}

fn haunt(options: &[&str]) -> Result<Haunted, Box<dyn std::error::Error>> {
    let (home, away) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&home, &away)?;
    let listen = ["stuck-accept", "--bind", "0.0.0.0:0", "--backlog", "128"];
    let server = Fixture::start(&home, listen.iter().chain(options))?;
    let here = SocketAddr::new(wire.v4(Side::A), server.port());
    let far = Fixture::start(&away, ["hold", &here.to_string()])?;
    let stuck = server.wait_line("stuck", PATIENCE)?;
    wire.cut();
    Ok(Haunted {
        fd: stuck["fd"].parse()?,
        ghost: stuck["peer"].parse()?,
        server,
        home,
        _far: far,
        _wire: wire,
    })
}

#[test]
fn three_of_128_wait_behind_a_read_of_a_ghost_and_reaping_it_frees_them() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let haunted = haunt(&[])?;
    let (server, port) = (&haunted.server, haunted.server.port());
    let start = Instant::now();
    let mut clients = Vec::new();
    for count in 1..=3 {
        clients.push(connect(&haunted.home, loopback(port)));
        wait_queued(&haunted.home, port, count);
        // Ages are told in milliseconds, and these tell who came first.
        let born = Instant::now();
        let tick = Duration::from_millis(20);
        eventually("a tick has passed", PATIENCE, || born.elapsed() > tick);
    }

    let look = Look::of(&haunted.home);
    eventually("the ghost has been silent", PATIENCE, || {
        look.run(RULE)
            .findings
            .iter()
            .any(|one| one.severity == Severity::Critical)
    });
    let facts = look.facts();
    let outcome = look.judge(&facts, RULE);
    let waited = start.elapsed();
    assert!(outcome.unknown.is_empty(), "{outcome:?}");
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:#?}");
    };
    let pid = server.pid();
    let call = format!("recvfrom({})", haunted.fd);
    assert!(finding.summary.contains(&format!("(pid {pid})")));
    assert!(finding.summary.contains(&call), "{}", finding.summary);
    assert_eq!(text(finding, "call"), call);
    assert_eq!(text(finding, "listener"), format!("0.0.0.0:{port}"));
    assert_eq!(text(finding, "blocked_on"), haunted.ghost.to_string());
    assert_eq!(amount(finding, "waiting"), 3);
    assert_eq!(amount(finding, "queue_length"), 3);
    assert_eq!(amount(finding, "backlog"), 128);
    let oldest = Duration::from_millis(amount(finding, "oldest_waits_ms"));
    // The kernel counts in jiffies of up to 10 ms.
    let least = Duration::from_millis(amount(finding, "looks_apart_ms"));
    assert!(
        oldest >= least && oldest <= waited + Duration::from_millis(20),
        "{oldest:?}, not {least:?} to {waited:?}"
    );
    let listener: u32 = server.field("listener");
    assert_eq!(owners(finding), [(pid, listener), (pid, haunted.fd)]);
    let waiting: Vec<SocketAddr> = clients
        .iter()
        .map(|client| client.local_addr().expect("an address"))
        .collect();
    // The oldest first, the ghost last.
    assert_eq!(peers(finding), [waiting, vec![haunted.ghost]].concat());
    assert!(finding.connections[0].note.starts_with("waits for "));
    assert!(finding.connections[3].note.contains(&call));

    let facts = probed(facts, Duration::from_secs(1));
    let outcome = look.judge(&facts, RULE);
    let certain = &outcome.findings[0];
    assert_eq!(text(certain, "peer_verdict"), "dead: unanswered");
    assert!(certain.remedy.starts_with("`ayt reap "));
    assert!(certain.remedy.contains(&format!("--pid {pid}")));

    let order = Order {
        at: at(&facts, haunted.ghost),
        unless_heard: true,
        account: None,
    };
    let reaped = reap(&facts, &[order]);
    assert_eq!(reaped[0].outcome, Reaped::Destroyed);
    let next = server.wait_line("stuck", PATIENCE)?;
    assert_eq!(next["peer"], clients[0].local_addr()?.to_string());
    Ok(())
}

fn at(facts: &HostFacts, remote: SocketAddr) -> usize {
    let found = facts.sockets.iter().position(|one| one.remote == remote);
    found.expect("the ghost")
}

#[test]
fn who_gave_up_waiting_still_counts() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["stuck-accept", "--bind", "[::1]:0"])?;
    let _first = connect(&ns, server.addr());
    let fd = number(&server, "stuck", "fd");
    for _ in 0..3 {
        drop(connect(&ns, server.addr()));
    }
    wait_queued(&ns, server.port(), 3);
    let finding = Look::of(&ns).one(RULE);
    assert_eq!(amount(&finding, "waiting"), 3);
    assert_eq!(text(&finding, "call"), format!("recvfrom({fd})"));
    let states: Vec<_> = finding.connections.iter().map(|one| one.state).collect();
    use TcpState::{CloseWait, Established};
    assert_eq!(states, [CloseWait, CloseWait, CloseWait, Established]);
    Ok(())
}

#[test]
fn a_busy_server_with_a_full_queue_is_never_accused() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let busy = ["busy-accept", "--backlog", "16", "--every", "50"];
    let server = Fixture::start(&ns, busy)?;
    let addr = server.addr().to_string();
    let _crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "40"])?;
    wait_queued(&ns, server.port(), 17);
    // Several times what it takes for one accept, and up to the whole queue.
    for ms in [150, 200, 250, 300, 350, 400, 500, 600, 700, 800, 900, 1000] {
        let apart = Duration::from_millis(ms);
        let look = Look::of(&ns).apart(Some(apart));
        let facts = look.facts();
        let waiting = facts.sockets.iter().filter(|one| one.never_accepted());
        assert!(waiting.count() >= 16, "the queue is full in the first look");
        let second = facts.second_look.as_ref().expect("a second look");
        let waiting = second.sockets.values().filter(|one| one.never_accepted());
        assert!(waiting.count() >= 16, "and in the second");
        let outcome = look.judge(&facts, RULE);
        assert_eq!(outcome, Default::default(), "{ms} ms apart");
    }
    Ok(())
}

#[test]
fn a_server_that_accepts_and_idle_clients_are_well() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let _clients = [connect(&ns, server.addr()), connect(&ns, server.addr())];
    Look::of(&ns).silent_soon(RULE);
    Ok(())
}

#[test]
fn a_pool_of_which_all_threads_are_stuck() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["stuck-accept", "--workers", "3"])?;
    let _held: Vec<_> = (0..3).map(|_| connect(&ns, server.addr())).collect();
    let fds: Vec<u32> = (0..3).map(|_| number(&server, "stuck", "fd")).collect();
    let _waiting = [connect(&ns, server.addr()), connect(&ns, server.addr())];
    wait_queued(&ns, server.port(), 2);
    let finding = Look::of(&ns).one(RULE);
    assert_eq!(amount(&finding, "waiting"), 2);
    let threads = text(&finding, "threads");
    for fd in &fds {
        assert!(threads.contains(&format!("recvfrom({fd})")), "{threads}");
    }
    let call = text(&finding, "call");
    assert!(fds.iter().any(|fd| call == format!("recvfrom({fd})")));
    Ok(())
}

#[test]
fn a_stopped_server_is_named_as_such_until_it_goes_on() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    server.freeze()?;
    let _waiting = [connect(&ns, server.addr()), connect(&ns, server.addr())];
    let look = Look::of(&ns);
    let finding = look.one(RULE);
    assert_eq!(finding.severity, Severity::Critical);
    let pid = server.pid();
    assert!(
        finding
            .summary
            .contains(&format!("process {pid} is stopped"))
    );
    assert!(finding.remedy.starts_with(&format!("`kill -CONT {pid}`")));
    assert_eq!(amount(&finding, "waiting"), 2);
    server.thaw()?;
    look.silent_soon(RULE);
    Ok(())
}

#[test]
fn of_several_threads_the_one_on_the_ghost_is_named() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    // Its other threads sit in the same call: on the living connection to an
    // echo server, and on standard input.
    let (home, away) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&home, &away)?;
    let echo = Fixture::start(&home, ["serve"])?;
    let chat = echo.addr().to_string();
    let listen = ["stuck-accept", "--bind", "0.0.0.0:0", "--chat", &chat];
    let server = Fixture::start(&home, listen)?;
    let chat = number(&server, "chat", "fd");
    let here = SocketAddr::new(wire.v4(Side::A), server.port());
    let _far = Fixture::start(&away, ["hold", &here.to_string()])?;
    let stuck = server.wait_line("stuck", PATIENCE)?;
    wire.cut();
    let _waiting = connect(&home, loopback(server.port()));
    wait_queued(&home, server.port(), 1);
    let look = Look::of(&home);
    // The older the ghost the clearer; it is younger than the talk at first.
    let finding = eventually("the ghost is named", PATIENCE, || {
        let findings = look.run(RULE).findings;
        let named = |one: &_| text(one, "call") == format!("recvfrom({})", stuck["fd"]);
        findings.into_iter().find(named)
    });
    assert_eq!(text(&finding, "blocked_on"), stuck["peer"]);
    let threads = text(&finding, "threads");
    assert!(threads.contains(&format!("recvfrom({chat})")), "{threads}");
    assert!(threads.contains("read(0)"), "{threads}");
    Ok(())
}
