//! A look at this very process: its sockets, owners and settings, as they are.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ayt_core::facts::{HostFacts, Socket};
use ayt_core::filter::Filter;
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_testbed::{Fixture, Need, Ns};

fn look(filter: Filter) -> HostFacts {
    collect(&Collect {
        filter,
        exact: Exact::Always,
        doctor: None,
    })
    .expect("a look at this host")
}

fn of_port(port: u16) -> Filter {
    Filter {
        local: vec![format!(":{port}").parse().expect("a port")],
        ..Filter::default()
    }
}

fn one(facts: &HostFacts, state: TcpState) -> &Socket {
    let mut found = facts.sockets.iter().filter(|socket| socket.state == state);
    let socket = found.next().expect("a socket in that state");
    assert!(found.next().is_none(), "only one");
    socket
}

#[test]
fn a_connection_is_listed_with_owner_and_exact_settings() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("address");
    let client = TcpStream::connect(address).expect("connect");
    let (_server, _) = listener.accept().expect("accept");

    let facts = look(of_port(address.port()));
    let listening = one(&facts, TcpState::Listen);
    assert_eq!(listening.local, address);
    let connection = one(&facts, TcpState::Established);
    assert_eq!(connection.remote, client.local_addr().expect("address"));
    let owners = facts.owners_of(connection);
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0].pid, std::process::id());
    let settings = facts.keepalive_of(connection);
    let settings = settings.known().expect("our own settings are ours to see");
    assert!(!settings.enabled);
    assert!(connection.tcp.expect("tcp_info").segs_in.is_some());
    assert!(facts.partial.is_empty() || facts.partial[0].what.contains("hidden"));
}

#[test]
fn a_connection_in_the_accept_queue_has_no_owner() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("address");
    let _client = TcpStream::connect(address).expect("connect");

    let facts = look(of_port(address.port()));
    assert_eq!(one(&facts, TcpState::Listen).receive_queue, 1);
    let waiting = one(&facts, TcpState::Established);
    assert!(waiting.never_accepted());
    assert!(facts.owners_of(waiting).is_empty());
    assert!(facts.listener_of(waiting).is_some());
}

#[test]
fn a_connection_newer_than_the_look_has_its_owner_in_every_namespace() {
    if !Need::root() {
        return;
    }
    let ns = Ns::new().expect("a namespace");
    let server = Fixture::start(&ns, ["serve"]).expect("a server");
    let what = Collect {
        filter: Filter {
            namespaces: vec![ns.ino().to_string()],
            ..Filter::default()
        },
        exact: Exact::Never,
        doctor: Some(Duration::ZERO),
    };
    let address = server.addr();
    let opener = thread::spawn(move || {
        ns.run(|| {
            let connect = |_| {
                thread::sleep(Duration::from_millis(1));
                TcpStream::connect(address)
            };
            (0..400).map(connect).collect::<Result<Vec<_>, _>>()
        })
        .map(|held| (ns, held))
    });
    let mut looks = 0;
    while !opener.is_finished() || looks == 0 {
        let facts = collect(&what).expect("a look at this host");
        // All stay open: whoever has an inode has an owner.
        let held = facts.sockets.iter().filter(|socket| socket.inode != 0);
        let unowned: Vec<_> = held
            .filter(|socket| facts.owners_of(socket).is_empty())
            .collect();
        assert!(unowned.is_empty(), "look {looks}: {unowned:#?}");
        looks += 1;
    }
    opener.join().expect("the opener").expect("connections");
}
