//! A NAT that forgets between two real kernels: the wire loses every packet of a
//! connection that was idle for too long, as a router does that has thrown the mapping
//! away and says nothing.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ayt::session::client::search::{Search, SearchTerms};
use ayt::session::client::{Client, Event};
use ayt::session::server::{Beats, Limits, Server};
use ayt_testbed::{Fate, Lost, Need, Packet, Side};
use tokio::time::timeout;

use crate::Done;
use crate::hosts::{Hosts, tokio_stream};
use crate::late::Lateness;

const FORGETS: Duration = Duration::from_millis(1_500);
const FLOOR: Duration = Duration::from_millis(300);
const CEILING: Duration = Duration::from_secs(3);
/// A search takes some twenty seconds; on a busy machine some trials are void, and each
/// of those is a rest of ten seconds or more.
const PATIENCE: Duration = Duration::from_secs(300);

/// The router's table: when each connection was used last, and those it has forgotten.
#[derive(Default)]
struct Table {
    used: HashMap<[SocketAddr; 2], Instant>,
    forgotten: HashSet<[SocketAddr; 2]>,
}

impl Table {
    /// Whether the packet finds no mapping.
    fn loses(&mut self, packet: &Packet) -> bool {
        let Some((from, to)) = packet.endpoints() else {
            return false;
        };
        let mut ends = [from, to];
        ends.sort();
        if packet.has(|flags| flags.syn) {
            self.forgotten.remove(&ends);
            self.used.insert(ends, packet.seen);
            return false;
        }
        let idle = self.used.get(&ends).map(|used| packet.seen - *used);
        if idle.is_none_or(|idle| idle >= FORGETS) {
            self.forgotten.insert(ends);
        }
        self.used.insert(ends, packet.seen);
        self.forgotten.contains(&ends)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_finds_how_long_a_nat_remembers() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let late = Lateness::watch();
    let hosts = Hosts::new()?;
    let table = Mutex::new(Table::default());
    hosts
        .wire
        .drop_if(move |packet| table.lock().unwrap().loses(packet));
    let at = hosts.wire.v4(Side::A);
    let listener = hosts.near.run(|| TcpListener::bind((at, 0)))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let beats = Beats {
        floor: Duration::from_millis(10),
        ..Beats::default()
    };
    let limits = Limits {
        client_beat: beats,
        server_beat: beats,
        challenge: Duration::from_millis(400),
        ..Limits::default()
    };
    let server = Server::builder()
        .without_authentication()
        .limits(limits)
        .serve(tokio::net::TcpListener::from_std(listener)?)?;

    let far = hosts.far.clone();
    let terms = SearchTerms::new(FLOOR, CEILING)?;
    let client = Client::builder("device")
        .without_authentication()
        .pace(Duration::from_millis(10), Duration::from_millis(100))
        .search(Search::new(terms))
        .connector(move || {
            let connected = far.run(|| TcpStream::connect(address));
            std::future::ready(connected.and_then(tokio_stream))
        })
        .start()?;
    let client = Arc::new(client);
    let mut tried = Vec::new();
    let search = async {
        loop {
            match client.event().await.expect("the client goes on") {
                Event::Tried { silence, survived } => tried.push((silence, survived)),
                Event::Interval { every, .. } => return every,
                _ => {}
            }
        }
    };
    let every = timeout(PATIENCE, search).await?;
    // What was survived was shorter than what the router remembers, and what was not
    // survived longer, but for what this machine was late.
    assert!(every < FORGETS, "{every:?}: {tried:?}");
    assert!(every > FORGETS * 3 / 5, "{every:?}: {tried:?}");
    let slack = Duration::from_millis(100) + late.so_far();
    for (silence, survived) in &tried {
        assert!(*survived || *silence + slack > FORGETS, "{tried:?}");
        assert!(!survived || *silence < FORGETS + slack, "{tried:?}");
    }
    assert!(tried.iter().any(|(_, survived)| !survived));
    // It was this router that forgot.
    let packets = hosts.wire.packets();
    let lost = |packet: &&Packet| packet.fate == Fate::Lost(Lost::Picked);
    assert!(packets.iter().filter(lost).count() > 0);
    // And the session goes on with what was found.
    assert_eq!(client.interval(), Some(every));
    client.send("still the same session").await?;
    let mut session = timeout(PATIENCE, server.accept())
        .await?
        .ok_or("no session")?;
    let message = timeout(PATIENCE, session.recv()).await?;
    assert_eq!(message.as_deref(), Some(&b"still the same session"[..]));
    assert_eq!(server.stats().registered, 1);
    Ok(())
}
