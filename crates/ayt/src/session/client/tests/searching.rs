//! The search for the longest silence, against the real server behind a NAT that
//! forgets, in paused time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

use super::super::search::{Memory, Search, SearchTerms};
use super::*;
use crate::session::server;

/// The ways of one device to its server: each connection has a mapping of its own.
#[derive(Clone)]
struct Nat {
    server: Arc<server::Server>,
    /// After so many seconds without a byte a mapping is forgotten.
    forgets: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
    forgotten: Arc<AtomicU64>,
}

impl Nat {
    fn new(forgets: u64) -> Self {
        let keys = HashMap::from([(Bytes::from("device"), Key::new(KEY).unwrap())]);
        Self {
            server: Arc::new(server::Server::builder().keys(keys).start().unwrap()),
            forgets: Arc::new(AtomicU64::new(forgets)),
            made: Arc::default(),
            forgotten: Arc::default(),
        }
    }

    fn connect(&self) -> DuplexStream {
        self.made.fetch_add(1, Ordering::Relaxed);
        let (near, inside) = duplex(16 * 1024);
        let (outside, far) = duplex(16 * 1024);
        let peer = "192.0.2.1:7".parse().unwrap();
        assert!(self.server.serve_connection(far, peer));
        tokio::spawn(self.clone().map(inside, outside));
        near
    }

    async fn map(self, mut inside: DuplexStream, mut outside: DuplexStream) {
        let mut used = Instant::now();
        let (mut up, mut down) = ([0; 4_096], [0; 4_096]);
        loop {
            // Which way, and how much; 0 at an end.
            let (out, read) = tokio::select! {
                read = inside.read(&mut up) => (true, read.unwrap_or(0)),
                read = outside.read(&mut down) => (false, read.unwrap_or(0)),
            };
            if used.elapsed() >= S(self.forgets.load(Ordering::Relaxed)) {
                self.forgotten.fetch_add(1, Ordering::Relaxed);
                // Nothing gets through any more, neither bytes nor an end.
                return std::future::pending().await;
            }
            used = Instant::now();
            let passed = match (out, read) {
                (_, 0) => return,
                (true, read) => outside.write_all(&up[..read]).await,
                (false, read) => inside.write_all(&down[..read]).await,
            };
            if passed.is_err() {
                return;
            }
        }
    }

    fn builder(&self, memory: Memory) -> Builder {
        let nat = self.clone();
        let terms = SearchTerms::new(S(30), S(3_600)).unwrap();
        let search = Search::new(terms).memory(memory).network("home");
        let mut builder = Client::builder("device")
            .key(Key::new(KEY).unwrap())
            .search(search)
            .connector(move || std::future::ready(Ok(nat.connect())));
        builder.random = Random::Seeded(AtomicU64::new(1));
        builder
    }
}

/// What happened until the search was over: its trials, and losses of the session's own
/// connection.
struct Story {
    tried: Vec<(Duration, bool)>,
    losses: u32,
    every: Duration,
}

async fn settled(client: &Client) -> Story {
    let (mut tried, mut losses) = (Vec::new(), 0);
    loop {
        match client.event().await.expect("the client has ended") {
            Event::Tried { silence, survived } => tried.push((silence, survived)),
            Event::Lost(_) => losses += 1,
            Event::NotResumed { .. } => panic!("the session was lost"),
            Event::Interval { every, .. } => {
                return Story {
                    tried,
                    losses,
                    every,
                };
            }
            _ => {}
        }
    }
}

/// Near the longest that is survived, and below it.
fn near(every: Duration, truth: u64) -> bool {
    every < S(truth) && every * 6 / 5 >= S(truth)
}

#[tokio::test(start_paused = true)]
async fn the_longest_silence_is_found_and_used_and_the_session_notices_nothing() {
    let nat = Nat::new(350);
    let client = nat.builder(Memory::default()).start().unwrap();
    client.send("before").await.unwrap();
    let session = nat.server.accept().await.unwrap();
    assert_eq!(
        client.interval(),
        Some(S(30)),
        "the floor until it is known"
    );
    let story = settled(&client).await;
    assert!(near(story.every, 350), "{:?}", story.tried);
    assert_eq!((story.losses, client.interval()), (0, Some(story.every)));
    for (silence, survived) in &story.tried {
        assert_eq!(*survived, *silence < S(350), "{:?}", story.tried);
    }

    // The session moves to a connection on which this is agreed.
    assert!(registered(&client).await, "resumed");
    assert_eq!(nat.server.stats().resumed, 1);
    let connections = nat.made.load(Ordering::Relaxed);
    let forgotten = nat.forgotten.load(Ordering::Relaxed);
    // A day: it stands, and bytes still get through when it is over.
    tokio::time::sleep(S(86_400)).await;
    client.send("after a day").await.unwrap();
    let (_sender, mut receiver) = session.split();
    assert_eq!(receiver.recv().await.unwrap(), "before");
    assert_eq!(receiver.recv().await.unwrap(), "after a day");
    assert_eq!(nat.made.load(Ordering::Relaxed), connections);
    assert_eq!(nat.forgotten.load(Ordering::Relaxed), forgotten);
    assert!(client.answers().await);
}

#[tokio::test(start_paused = true)]
async fn what_was_found_is_remembered_by_the_program_and_used_from_the_start() {
    let nat = Nat::new(350);
    let client = nat.builder(Memory::default()).start().unwrap();
    let found = settled(&client).await.every;
    let stored = client.networks().unwrap().to_string();
    drop(client);

    let connections = nat.made.load(Ordering::Relaxed);
    let again = nat.builder(stored.parse().unwrap()).start().unwrap();
    assert_eq!(again.interval(), Some(found));
    let told = settled(&again).await;
    assert_eq!((told.every, told.tried.len()), (found, 0));
    tokio::time::sleep(S(86_400)).await;
    assert!(again.answers().await);
    let made = nat.made.load(Ordering::Relaxed) - connections;
    assert_eq!(made, 1, "no spare, no move");
    // Another network: nothing is known of it, and the first one is not forgotten.
    again.network_changed("cell").unwrap();
    assert!(again.network_changed(&"long".repeat(40)).is_err());
    let there = settled(&again).await;
    assert!(near(there.every, 350) && !there.tried.is_empty());
    again.network_changed("home").unwrap();
    let memory = again.networks().unwrap();
    let labels: Vec<_> = memory.networks.iter().map(|n| n.label.as_str()).collect();
    assert_eq!(labels[..2], ["home", "cell"]);
    assert_eq!(again.interval(), Some(found));
}

#[tokio::test(start_paused = true)]
async fn a_nat_that_grows_impatient_is_found_out_again() {
    let nat = Nat::new(900);
    let client = nat.builder(Memory::default()).start().unwrap();
    assert!(near(settled(&client).await.every, 900));
    nat.forgets.store(200, Ordering::Relaxed);
    let story = settled(&client).await;
    assert!(
        near(story.every, 200),
        "{:?} {:?}",
        story.every,
        story.tried
    );
    assert_eq!(story.losses, 1, "one loss is enough to look again");
    let lost = client.send("still the same session").await;
    assert!(lost.is_ok());
    let first = timeout(S(60), nat.server.accept()).await.unwrap().unwrap();
    let more = timeout(S(60), nat.server.accept()).await;
    assert!(more.is_err(), "one session all the time");
    assert!(first.is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_lost_meanwhile_blames_no_silence() {
    // Nothing is ever forgotten, but the server cuts the session again and again.
    let nat = Nat::new(1_000_000);
    let client = nat.builder(Memory::default()).start().unwrap();
    client.registered().await.unwrap();
    let _session = nat.server.accept().await.unwrap();
    let cutting = async {
        for n in 0..30 {
            tokio::time::sleep(S(100 + n * 37)).await;
            client.shared.current().part();
        }
        std::future::pending().await
    };
    let story = tokio::select! {
        story = settled(&client) => story,
        never = cutting => never,
    };
    assert!(
        story.tried.iter().all(|(_, survived)| *survived),
        "{:?}",
        story.tried
    );
    assert_eq!(story.every, S(3_240), "the ceiling, less the margin");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_searched_before_there_is_a_server_or_after_the_end() {
    let nat = Nat::new(350);
    let made = Arc::clone(&nat.made);
    let client = nat
        .builder(Memory::default())
        .key(Key::new(b"another key of 32 random bytes!!").unwrap())
        .start()
        .unwrap();
    assert!(client.registered().await.is_err(), "a wrong key");
    tokio::time::sleep(S(3_600)).await;
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert_eq!(client.interval(), Some(S(30)));
}
