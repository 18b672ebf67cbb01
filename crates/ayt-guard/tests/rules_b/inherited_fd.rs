//! A connection that another program has inherited.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use ayt_core::facts::{HostFacts, Socket};
use ayt_testbed::{Fixture, Need, Ns, Sshd, eventually};

use crate::support::{Done, Look, PATIENCE, amount, connect, number, owners, peers};

const RULE: &str = "inherited-fd";

#[test]
fn a_helper_that_inherited_a_servers_connection() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["inherit", "--heir", "cat", "--keep"])?;
    let client = connect(&ns, server.addr());
    let line = server.wait_line("inherited", PATIENCE)?;
    let (heir, fd): (u32, u32) = (line["child"].parse()?, line["fd"].parse()?);
    let finding = Look::of(&ns).one(RULE);
    assert_eq!(amount(&finding, "owner_pid"), u64::from(server.pid()));
    assert_eq!(amount(&finding, "heir_pid"), u64::from(heir));
    assert_eq!(amount(&finding, "count"), 1);
    assert_eq!(peers(&finding), [client.local_addr()?]);
    let mut holders = owners(&finding);
    holders.sort_unstable();
    let mut expected = [(server.pid(), fd), (heir, fd)];
    expected.sort_unstable();
    assert_eq!(holders, expected);
    let words = format!("cat (pid {heir}) still holds a connection");
    assert!(finding.summary.starts_with(&words), "{}", finding.summary);
    Ok(())
}

#[test]
fn a_connection_that_only_its_server_holds_is_well() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let _client = connect(&ns, server.addr());
    Look::of(&ns).silent(RULE);
    Ok(())
}

/// The limit of the rule, on record: once the server has closed its own copy,
/// the heir alone looks like any program with a connection.
#[test]
fn an_heir_alone_is_not_accused() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["inherit", "--heir", "cat"])?;
    let _client = connect(&ns, server.addr());
    number(&server, "inherited", "fd");
    Look::of(&ns).silent(RULE);
    Ok(())
}

#[test]
fn sshd_and_its_children_are_well() -> Done {
    if !Need::root() || !Need::program("sshd", "apt-get install openssh-server") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let port = ns.free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let sshd = Sshd::start(&ns, addr, &[])?;
    let mut clients = [connect(&ns, addr), connect(&ns, addr)];
    for client in &mut clients {
        client.write_all(b"SSH-2.0-test\r\n")?;
    }
    let look = Look::of(&ns);
    // Two processes hold each connection, the privileged one and the other.
    let facts = eventually("the children are at work", PATIENCE, || {
        let facts = look.facts();
        let shared = |remote: SocketAddr| {
            let mut ours = facts.sockets.iter().filter(|one| one.local == addr);
            ours.any(|one| one.remote == remote && holders(&facts, one) == 2)
        };
        let mut remotes = clients.iter().filter_map(|one| one.local_addr().ok());
        remotes.all(shared).then_some(facts)
    });
    assert_eq!(look.judge(&facts, RULE), Default::default());
    assert_eq!(sshd.addr(), addr);
    Ok(())
}

fn holders(facts: &HostFacts, socket: &Socket) -> usize {
    let owners = facts.owners_of(socket).iter();
    owners.map(|owner| owner.pid).collect::<BTreeSet<_>>().len()
}

#[test]
fn workers_that_share_a_listener_and_connections_are_well() -> Done {
    if !Need::root() || !Need::program("python3", "apt-get install python3") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let port = ns.free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    // The master takes one connection, then forks two workers under another
    // name: they accept on the same listener and have inherited the connection.
    let program = format!(
        "import os, socket\n\
         s = socket.create_server(('127.0.0.1', {port}))\n\
         first, _ = s.accept()\n\
         for _ in range(2):\n\
         \x20   if os.fork() == 0:\n\
         \x20       open('/proc/self/comm', 'w').write('worker')\n\
         \x20       break\n\
         held = []\n\
         while True:\n\
         \x20   held.append(s.accept())\n"
    );
    let _server = Fixture::start(&ns, ["tether", "--", "python3", "-c", &program])?;
    let first = eventually("the server listens", PATIENCE, || {
        ns.run(|| TcpStream::connect(addr))
    });
    let remote = first.local_addr()?;
    let look = Look::of(&ns);
    let facts = eventually("three processes hold the first", PATIENCE, || {
        let facts = look.facts();
        let connection = facts.sockets.iter().find(|one| one.remote == remote)?;
        let holders = facts.owners_of(connection);
        let named = |name: &str| {
            let with = |owner: &&_| facts.process(owner).is_some_and(|one| one.command == name);
            holders.iter().filter(with).count()
        };
        (named("worker") == 2 && named("python3") == 1).then_some(facts)
    });
    assert_eq!(look.judge(&facts, RULE), Default::default());
    Ok(())
}
