//! Servers that share a store.

use std::sync::Arc;

use ayt_core::cause::Cause;

use super::*;
use crate::session::store::{Memory, Node, SessionStore};

fn two(policy: Policy) -> (Arc<Memory>, Server, Server) {
    let store = Arc::new(Memory::new());
    let start = |name| {
        let builder = Server::builder().keys(keys()).limits(limits());
        let builder = builder.store(store.clone()).node(Node::new(name));
        builder.takeover(policy).start().unwrap()
    };
    let (first, second) = (start("first"), start("second"));
    (store, first, second)
}

#[tokio::test(start_paused = true)]
async fn an_identity_has_one_live_session_among_them() {
    let (store, first, second) = two(Policy::Newest);
    let (mut client, mut session) = Device::a().enter(&first).await;
    for round in 0..20 {
        let server = if round % 2 == 0 { &second } else { &first };
        let (newer, next) = Device::a().enter(server).await;
        assert!(newer.welcome.epoch > client.welcome.epoch);
        let end = client.task.await.unwrap().unwrap();
        assert_eq!(end.reason, Some(Reason::Superseded));
        assert_eq!(session.ended().await.cause, Cause::Superseded);
        (client, session) = (newer, next);
        let live = [&first, &second].map(|server| server.stats().now.connections);
        assert_eq!(live.iter().sum::<usize>(), 1, "{live:?}");
    }
    let record = store.get(&Bytes::from("a")).await.unwrap().unwrap();
    assert_eq!((record.epoch, record.connected), (session.epoch(), true));
}

#[tokio::test(start_paused = true)]
async fn what_another_server_took_over_is_told_and_counted_as_that() {
    let (_store, first, second) = two(Policy::Newest);
    let (client, session) = Device::a().enter(&first).await;
    let _newer = Device::a().enter(&second).await;
    client.task.await.unwrap().unwrap();
    assert_eq!(session.ended().await.cause, Cause::Superseded);
    let told = loop {
        let event = session.next_event().await.expect("its end is an event");
        if let SessionEvent::Ended { over, end } = event {
            break (over, end.cause);
        }
    };
    assert_eq!(told, (Over::Superseded, Cause::Superseded));
    assert_eq!(first.stats().ended, [(Cause::Superseded, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_elsewhere_is_over_too_and_cannot_come_back() {
    let (_store, first, second) = two(Policy::Newest);
    let (client, session) = Device::a().enter(&first).await;
    client.vanish();
    until(|| !session.is_connected()).await;
    let (newer, _other) = Device::a().enter(&second).await;
    assert_eq!(session.ended().await.cause, Cause::Superseded);
    // Back at the first: what it knows of the old session it tells, and no more.
    let back = Device::a().resume(&first, &client).await.unwrap();
    assert!(!back.welcome.resumed && back.welcome.known);
    assert!(back.welcome.epoch > newer.welcome.epoch);
    assert_eq!(
        newer.task.await.unwrap().unwrap().reason,
        Some(Reason::Superseded)
    );
}

#[tokio::test(start_paused = true)]
async fn the_oldest_stays_until_its_connection_is_lost() {
    let (store, first, second) = two(Policy::Oldest);
    let (client, session) = Device::a().enter(&first).await;
    let refused = Device::a().register(&second).await.unwrap_err().refused();
    assert_eq!(refused.reason, Reason::IdentityInUse);
    client.vanish();
    until(|| !session.is_connected()).await;
    let id = Bytes::from("a");
    for _ in 0..1_000 {
        if store
            .get(&id)
            .await
            .unwrap()
            .is_some_and(|record| !record.connected)
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let _newer = Device::a().register(&second).await.unwrap();
    assert_eq!(session.ended().await.cause, Cause::Superseded);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_leaves_no_record() {
    let (store, first, second) = two(Policy::Newest);
    let (_a, _sa) = Device::a().enter(&first).await;
    let (b, sb) = Device::new("b", 2).enter(&first).await;
    b.vanish();
    until(|| !sb.is_connected()).await;
    let (_c, sc) = Device::new("c", 3).enter(&second).await;
    first.shutdown(S).await;
    assert_eq!(store.len(), 1);
    drop(sc);
    until(|| store.is_empty()).await;
}

/// A store in which everybody is slow, and in different ways.
#[derive(Debug, Default)]
struct Slow(Memory, std::sync::atomic::AtomicU64);

impl Slow {
    async fn pause(&self) {
        let n = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(n * 7 % 23)).await;
    }
}

use crate::session::store::{Answer, Conflict, Kick, Kicks, Record, Unavailable};

impl SessionStore for Slow {
    fn get<'a>(&'a self, id: &'a Bytes) -> Answer<'a, Result<Option<Record>, Unavailable>> {
        Box::pin(async move {
            self.pause().await;
            let record = self.0.get(id).await;
            self.pause().await;
            record
        })
    }
    fn compare_and_set<'a>(
        &'a self,
        id: &'a Bytes,
        expected: Option<&'a Record>,
        new: Record,
    ) -> Answer<'a, Result<(), Conflict>> {
        Box::pin(async move {
            self.pause().await;
            let set = self.0.compare_and_set(id, expected, new).await;
            self.pause().await;
            set
        })
    }
    fn forget<'a>(
        &'a self,
        id: &'a Bytes,
        expected: &'a Record,
    ) -> Answer<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            self.pause().await;
            self.0.forget(id, expected).await
        })
    }
    fn kick<'a>(&'a self, node: &'a Node, kick: Kick) -> Answer<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            self.pause().await;
            self.0.kick(node, kick).await
        })
    }
    fn kicks(&self, node: &Node) -> Box<dyn Kicks> {
        self.0.kicks(node)
    }
}

#[tokio::test(start_paused = true)]
async fn a_race_of_many_over_a_slow_store_leaves_one() {
    let store = Arc::new(Slow::default());
    let start = |name| {
        let builder = Server::builder().keys(keys()).limits(limits());
        let builder = builder.store(store.clone()).node(Node::new(name));
        Arc::new(builder.start().unwrap())
    };
    let servers = [start("first"), start("second"), start("third")];
    let mut racing = tokio::task::JoinSet::new();
    for n in 0..30usize {
        let server = servers[n % 3].clone();
        let mut device = Device::a();
        device.peer = at(n as u16);
        racing.spawn(async move { device.register(&server).await.unwrap() });
    }
    let mut clients = racing.join_all().await;
    let live = |servers: &[Arc<Server>; 3]| -> usize {
        servers
            .iter()
            .map(|server| server.stats().now.connections)
            .sum()
    };
    until(|| live(&servers) == 1).await;
    clients.sort_by_key(|client| client.welcome.epoch);
    let winner = clients.pop().unwrap();
    assert!(
        !winner.task.is_finished(),
        "the one with the largest epoch lives"
    );
    assert!(
        clients
            .windows(2)
            .all(|two| two[0].welcome.epoch < two[1].welcome.epoch)
    );
    for client in clients {
        let end = client.task.await.unwrap().unwrap();
        assert_eq!(end.reason, Some(Reason::Superseded));
    }
}
