//! What panics takes nobody else with it: a stream, a key lookup, a store that a program
//! has brought.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use ayt_core::cause::Cause;
use tokio::io::{DuplexStream, ReadBuf};

use super::*;
use crate::session::server::KeyError;
use crate::session::store::{
    Answer, Conflict, Kick, Kicks, Memory, Node, Record, SessionStore, Unavailable,
};

/// A stream whose next read or write panics, once it is told to.
struct Broken {
    io: DuplexStream,
    reads: Arc<AtomicBool>,
    writes: Arc<AtomicBool>,
}

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        assert!(!self.reads.load(Ordering::Relaxed), "on purpose: a read");
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Broken {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(!self.writes.load(Ordering::Relaxed), "on purpose: a write");
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A stream to the server that panics there when the flag is set.
fn dial(server: &Server, reads: &Arc<AtomicBool>, writes: &Arc<AtomicBool>) -> DuplexStream {
    let (own, theirs) = tokio::io::duplex(64 * 1024);
    let io = Broken {
        io: theirs,
        reads: reads.clone(),
        writes: writes.clone(),
    };
    assert!(server.serve_connection(io, at(1)));
    own
}

/// What the server counts as connections, and who waits for an alarm.
fn counted(server: &Server) -> (Now, bool) {
    (server.stats().now, server.shared.alarms.next().is_some())
}

fn lost_of(server: &Server, cause: Cause) -> u64 {
    let lost = server.stats().lost;
    lost.iter()
        .filter(|(of, _)| *of == cause)
        .map(|(_, n)| n)
        .sum()
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_panics_ends_its_connection_and_the_session_goes_on() {
    let server = server();
    let baseline = counted(&server);
    let (other, mut others) = Device::new("b", 2).enter(&server).await;
    let [reads, writes] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let io = dial(&server, &reads, &writes);
    let mut client = Device::a().register_over(io).await.unwrap();
    let mut session = server.accept().await.unwrap();
    for (n, broken) in [&reads, &writes].into_iter().enumerate() {
        client.send("before").await;
        assert_eq!(session.recv().await.unwrap(), "before");
        session.done();
        broken.store(true, Ordering::Relaxed);
        // Wakes its task, which reads and writes.
        session.send("after").await.unwrap();
        until(|| client.task.is_finished()).await;
        until(|| !session.is_connected()).await;
        let lost = loop {
            match session.next_event().await.unwrap() {
                SessionEvent::Lost(end) => break end,
                SessionEvent::Ended { .. } => panic!("it is over"),
                _ => {}
            }
        };
        assert_eq!(lost.cause, Cause::LocalClose, "nobody else's fault");
        assert_eq!(lost_of(&server, Cause::LocalClose), n as u64 + 1);
        broken.store(false, Ordering::Relaxed);
        // The registry, the bounds and the alarms know that it has no connection.
        let now = server.stats().now;
        assert_eq!((now.connections, now.parked, now.unregistered), (1, 1, 0));
        let io = dial(&server, &reads, &writes);
        client = Device::a().resume_over(io, &client).await.unwrap();
        assert!(client.welcome.resumed);
        assert_eq!(client.recv().await, "after");
        client.core.done();
    }
    other.send("unharmed").await;
    assert_eq!(others.recv().await.unwrap(), "unharmed");
    drop((session, others));
    client.task.await.unwrap().unwrap();
    other.task.await.unwrap().unwrap();
    until(|| counted(&server) == baseline).await;
    server.shutdown(S).await;
}

#[tokio::test(start_paused = true)]
async fn a_registration_whose_stream_or_key_lookup_panics_costs_its_own_place_only() {
    let panics = Arc::new(AtomicBool::new(true));
    let lookup = panics.clone();
    let keys = move |identity: Bytes| {
        let panics = lookup.load(Ordering::Relaxed) && identity == "a";
        async move {
            assert!(!panics, "on purpose: a lookup");
            Ok::<_, KeyError>(Some(if identity == "a" { key(1) } else { key(2) }))
        }
    };
    let builder = Server::builder().keys(keys).limits(limits());
    let server = builder.start().unwrap();
    let baseline = counted(&server);
    let (other, mut others) = Device::new("b", 2).enter(&server).await;
    for _ in 0..50 {
        Device::a().register(&server).await.unwrap_err();
        let flags = [true, false].map(|flag| Arc::new(AtomicBool::new(flag)));
        for [reads, writes] in [[&flags[0], &flags[1]], [&flags[1], &flags[0]]] {
            let io = dial(&server, reads, writes);
            Device::new("b", 2).register_over(io).await.unwrap_err();
        }
    }
    until(|| server.stats().now.unregistered == 0).await;
    other.send("unharmed").await;
    assert_eq!(others.recv().await.unwrap(), "unharmed");
    panics.store(false, Ordering::Relaxed);
    let (client, session) = Device::a().enter(&server).await;
    drop((session, others));
    client.task.await.unwrap().unwrap();
    other.task.await.unwrap().unwrap();
    until(|| counted(&server) == baseline).await;
}

/// A store each of whose calls panics while there are panics left, its kicks' included.
#[derive(Debug, Default)]
struct Shaky {
    store: Memory,
    panics: Arc<AtomicUsize>,
}

fn shake(panics: &AtomicUsize) {
    let left = panics.load(Ordering::Relaxed);
    if left > 0 {
        panics.store(left - 1, Ordering::Relaxed);
        panic!("on purpose: a store");
    }
}

struct ShakyKicks {
    kicks: Box<dyn Kicks>,
    panics: Arc<AtomicUsize>,
}

impl Kicks for ShakyKicks {
    fn next(&mut self) -> Answer<'_, Option<Kick>> {
        shake(&self.panics);
        self.kicks.next()
    }
}

impl Shaky {
    fn shake(&self) {
        shake(&self.panics);
    }
}

impl SessionStore for Shaky {
    fn get<'a>(&'a self, id: &'a Bytes) -> Answer<'a, Result<Option<Record>, Unavailable>> {
        self.shake();
        self.store.get(id)
    }
    fn compare_and_set<'a>(
        &'a self,
        id: &'a Bytes,
        expected: Option<&'a Record>,
        new: Record,
    ) -> Answer<'a, Result<(), Conflict>> {
        self.shake();
        self.store.compare_and_set(id, expected, new)
    }
    fn forget<'a>(
        &'a self,
        id: &'a Bytes,
        expected: &'a Record,
    ) -> Answer<'a, Result<(), Unavailable>> {
        self.shake();
        self.store.forget(id, expected)
    }
    fn kick<'a>(&'a self, node: &'a Node, kick: Kick) -> Answer<'a, Result<(), Unavailable>> {
        self.shake();
        self.store.kick(node, kick)
    }
    fn kicks(&self, node: &Node) -> Box<dyn Kicks> {
        let (kicks, panics) = (self.store.kicks(node), self.panics.clone());
        Box::new(ShakyKicks { kicks, panics })
    }
}

#[tokio::test(start_paused = true)]
async fn kicks_are_heard_again_after_a_panic() {
    let store = Arc::new(Shaky::default());
    let start = |name| {
        let builder = Server::builder().keys(keys()).limits(limits());
        let builder = builder.store(store.clone()).node(Node::new(name));
        builder.start().unwrap()
    };
    store.panics.store(2, Ordering::Relaxed);
    let [first, second] = ["first", "second"].map(start);
    until(|| store.panics.load(Ordering::Relaxed) == 0).await;
    let (client, session) = Device::a().enter(&first).await;
    let (_newer, _other) = Device::a().enter(&second).await;
    let end = client.task.await.unwrap().unwrap();
    assert_eq!(end.reason, Some(Reason::Superseded));
    assert_eq!(session.ended().await.cause, Cause::Superseded);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_one_that_did_not_answer() {
    let store = Arc::new(Shaky::default());
    let builder = Server::builder().keys(keys()).limits(limits());
    let server = builder.store(store.clone()).start().unwrap();
    let baseline = counted(&server);
    let panic_in = |calls| store.panics.store(calls, Ordering::Relaxed);
    // The kicks are waited for by now, and shaken no more.
    tokio::time::sleep(Duration::from_millis(1)).await;
    // While it is registered: whatever call it is, the identity's gate is open again.
    panic_in(1);
    Device::a().register(&server).await.unwrap_err();
    until(|| store.panics.load(Ordering::Relaxed) == 0).await;
    let (client, session) = Device::a().enter(&server).await;
    // While the record follows: it is tried again, and again.
    panic_in(3);
    client.vanish();
    until(|| !session.is_connected()).await;
    let id = Bytes::from("a");
    for _ in 0..10_000 {
        let record = store.store.get(&id).await.unwrap().unwrap();
        if !record.connected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let record = store.store.get(&id).await.unwrap().unwrap();
    assert!(!record.connected, "it follows");
    drop(session);
    until(|| store.store.is_empty()).await;
    assert_eq!(counted(&server), baseline);
    // At the end, too.
    let (_client, _session) = Device::a().enter(&server).await;
    panic_in(1);
    server.shutdown(S).await;
}
