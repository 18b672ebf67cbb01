//! Asking connections on loopback: answers, and everything as it was.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;

use ayt_core::facts::HostFacts;
use ayt_core::filter::Filter;
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::{Engine, Probe, Report, probe};

fn look(port: u16) -> HostFacts {
    collect(&Collect {
        filter: Filter {
            local: vec![format!(":{port}").parse().expect("a port")],
            ..Filter::default()
        },
        exact: Exact::Always,
        doctor: None,
    })
    .expect("a look at this host")
}

fn ask(facts: &HostFacts, engine: Option<Engine>) -> Report {
    let targets: Vec<usize> = (0..facts.sockets.len())
        .filter(|&at| facts.sockets[at].state == TcpState::Established)
        .collect();
    let how = Probe {
        engine,
        ..Probe::default()
    };
    probe(facts, &targets, &how, &AtomicBool::new(false), &mut |_| {})
}

#[test]
fn both_engines_find_a_living_peer_and_leave_the_settings() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    let _client = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    let (_server, _) = listener.accept().expect("accept");
    for engine in [Engine::Repair, Engine::Keepalive] {
        let before = look(port);
        let report = ask(&before, Some(engine));
        let answer = &report.answers[0];
        if engine == Engine::Repair && !ayt_sys::have_net_admin() {
            assert!(matches!(answer.verdict, Verdict::Unknown(_)));
            continue;
        }
        assert!(
            matches!(answer.verdict, Verdict::Alive { rtt: Some(_) }),
            "{engine:?}: {answer:?}"
        );
        assert_eq!(answer.engine, Some(engine));
        let after = look(port);
        let settings = |facts: &HostFacts| {
            let socket = facts
                .sockets
                .iter()
                .find(|socket| socket.state == TcpState::Established)
                .expect("still there")
                .clone();
            (
                facts.keepalive_of(&socket),
                socket.tcp.map(|tcp| tcp.probes),
            )
        };
        assert_eq!(settings(&before), settings(&after), "{engine:?}");
    }
}
