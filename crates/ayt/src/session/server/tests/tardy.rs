//! A store that answers at an awkward moment.

use std::sync::Arc;

use ayt_core::cause::Cause;
use ayt_core::session::codec::Decoder;
use ayt_core::session::handshake::{Client as Handshake, ClientStep, Credential, Purpose};
use tokio::sync::Semaphore;

use super::*;
use crate::session::store::{
    Answer, Conflict, Kick, Kicks, Memory, Node, Record, SessionStore, Unavailable,
};
use crate::session::wire::{read_frame, write_frame};

/// A store that keeps the server `first` waiting until it is let: it sets at once, and
/// says so later; it forgets later.
#[derive(Debug)]
struct Tardy {
    store: Memory,
    answers: Semaphore,
}

fn tardy() -> Arc<Tardy> {
    Arc::new(Tardy {
        store: Memory::new(),
        answers: Semaphore::new(0),
    })
}

fn start(store: &Arc<Tardy>, name: &str) -> Arc<Server> {
    let builder = Server::builder().keys(keys()).limits(limits());
    let builder = builder.store(store.clone()).node(Node::new(name));
    Arc::new(builder.start().unwrap())
}

impl SessionStore for Tardy {
    fn get<'a>(&'a self, id: &'a Bytes) -> Answer<'a, Result<Option<Record>, Unavailable>> {
        self.store.get(id)
    }
    fn compare_and_set<'a>(
        &'a self,
        id: &'a Bytes,
        expected: Option<&'a Record>,
        new: Record,
    ) -> Answer<'a, Result<(), Conflict>> {
        Box::pin(async move {
            let waits = new.node.name() == "first";
            let set = self.store.compare_and_set(id, expected, new).await;
            if waits {
                self.answers.acquire().await.unwrap().forget();
            }
            set
        })
    }
    fn forget<'a>(
        &'a self,
        id: &'a Bytes,
        expected: &'a Record,
    ) -> Answer<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            if expected.node.name() == "first" {
                self.answers.acquire().await.unwrap().forget();
            }
            self.store.forget(id, expected).await
        })
    }
    fn kick<'a>(&'a self, node: &'a Node, kick: Kick) -> Answer<'a, Result<(), Unavailable>> {
        self.store.kick(node, kick)
    }
    fn kicks(&self, node: &Node) -> Box<dyn Kicks> {
        self.store.kicks(node)
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_before_the_registration_it_is_meant_for_is_not_lost() {
    let store = tardy();
    let (first, second) = (start(&store, "first"), start(&store, "second"));
    let early = {
        let first = first.clone();
        tokio::spawn(async move { Device::a().register(&first).await.unwrap() })
    };
    until(|| !store.store.is_empty()).await;
    // The record names the first server, which does not know it yet.
    let late = Device::a().register(&second).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    store.answers.add_permits(10);
    let early = early.await.unwrap();
    assert!(early.welcome.epoch < late.welcome.epoch);
    let told = tokio::time::timeout(S, early.task).await;
    let end = told.expect("it has to go").unwrap().unwrap();
    assert_eq!(end.reason, Some(Reason::Superseded));
    assert!(!late.task.is_finished());
    let live = [&first, &second].map(|server| server.stats().now.connections);
    assert_eq!(live, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn who_has_set_the_record_and_registers_nobody_still_kicks_the_one_before() {
    let store = tardy();
    let (first, second) = (start(&store, "first"), start(&store, "second"));
    let (older, session) = Device::a().enter(&second).await;
    // The record is set, but the answer comes when it is too late.
    let refused = Device::a().register(&first).await.unwrap_err().refused();
    assert_eq!(refused.reason, Reason::Overloaded);
    store.answers.add_permits(10);
    // Nobody would ever tell the second server again.
    let told = tokio::time::timeout(S, older.task).await;
    let end = told.expect("it has to go").unwrap().unwrap();
    assert_eq!(end.reason, Some(Reason::Superseded));
    assert_eq!(session.ended().await.cause, Cause::Superseded);
    until(|| store.store.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_amid_the_mirrors_work_leaves_no_record() {
    let store = tardy();
    let server = start(&store, "first");
    store.answers.add_permits(1);
    let (client, session) = Device::a().enter(&server).await;
    session.kick(Retry::Never, "");
    client.task.await.unwrap().unwrap();
    session.ended().await;
    // The mirror has begun to forget it, and waits.
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(store.store.len(), 1);
    let closing = tokio::spawn(async move { server.shutdown(S).await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    store.answers.add_permits(10);
    closing.await.unwrap();
    assert!(store.store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_holds_a_shutdown_up_by_its_bound_only() {
    let store = tardy();
    let first = start(&store, "first");
    store.answers.add_permits(1);
    let (client, session) = Device::a().enter(&first).await;
    let begun = tokio::time::Instant::now();
    first.shutdown(S).await;
    // Its last record is not forgotten by then, and nobody waits for that.
    assert!(begun.elapsed() < 2 * S, "{:?}", begun.elapsed());
    assert_eq!(store.store.len(), 1);
    drop((client, session));
}

/// How the session's only connection ended, and the session with it.
async fn causes(server: &Server, session: &Session) -> (Cause, Cause) {
    let mut lost = None;
    while let Some(event) = session.next_event().await {
        match event {
            SessionEvent::Lost(end) => {
                assert_eq!(lost.replace(end.cause), None, "it is told once");
            }
            SessionEvent::Ended { end, .. } => {
                let lost = lost.expect("its connection's end is told before");
                assert_eq!(server.stats().lost, [(lost, 1)]);
                return (lost, end.cause);
            }
            _ => {}
        }
    }
    panic!("no end")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_when_it_is_welcomed_is_a_session_with_its_cause() {
    let store = tardy();
    let builder = Server::builder().without_authentication().limits(limits());
    let builder = builder.store(store.clone()).node(Node::new("first"));
    let server = builder.start().unwrap();
    let (io, theirs) = tokio::io::duplex(1_024);
    assert!(server.serve_connection(theirs, at(1)));
    let mut device = Device::a();
    device.credential = Credential::None;
    let device = tokio::spawn(async move { device.register_over(io).await.map(drop) });
    until(|| !store.store.is_empty()).await;
    device.abort();
    until(|| device.is_finished()).await;
    store.answers.add_permits(10);
    let session = server.accept().await.unwrap();
    let causes = causes(&server, &session).await;
    assert_eq!(causes, (Cause::PeerClosed, Cause::PeerClosed));
    assert_eq!(server.stats().ended, [(Cause::PeerClosed, 1)]);
    assert_eq!(server.shared.alarms.next(), None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_welcome_is_let_go_by_this_side() {
    let builder = Server::builder().without_authentication().limits(limits());
    let server = builder.start().unwrap();
    // WELCOME is longer than what the line takes.
    let (mut io, theirs) = tokio::io::duplex(16);
    assert!(server.serve_connection(theirs, at(1)));
    let settings = Device::a().settings;
    let nonce = shared::random().unwrap();
    let now = Duration::ZERO;
    let started = Handshake::start(&settings, Credential::None, Purpose::Register, nonce, now);
    let (mut handshake, hello) = started.unwrap();
    write_frame(&mut io, &hello).await.unwrap();
    let challenge = read_frame(&mut io, &mut Decoder::new()).await.unwrap();
    match handshake.on_frame(&challenge, now).unwrap() {
        ClientStep::Send(proof) => write_frame(&mut io, &proof).await.unwrap(),
        other => panic!("{other:?}"),
    }
    let session = server.accept().await.unwrap();
    let begun = tokio::time::Instant::now();
    until(|| !session.is_connected()).await;
    assert!(begun.elapsed() <= 2 * S);
    let causes = causes(&server, &session).await;
    assert_eq!(causes, (Cause::LocalClose, Cause::LocalClose));
}
