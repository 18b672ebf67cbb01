//! Servers that end.

use ayt_core::session::frame::{Frame, Retry};
use ayt_core::session::handshake::Purpose;

use super::client::refusal;
use super::*;
use crate::session::wire::read_frame;

#[tokio::test(start_paused = true)]
async fn everybody_is_told_when_to_come_back() {
    let server = server();
    let mut sessions = Vec::new();
    for device in [Device::a(), Device::new("b", 2)] {
        let (client, session) = device.enter(&server).await;
        session.send("last words").await.unwrap();
        sessions.push((client, session));
    }
    let mut spare = Device::new("c", 3).dial(&server);
    let shaken = Device::new("c", 3).shake(&mut spare, Purpose::Spare).await;
    let mut half = Device::new("c", 3).dial(&server);
    until(|| server.stats().now.unregistered == 1).await;
    let shutting = server.shutdown(20 * S);
    let clients = async {
        let mut hints = Vec::new();
        for (client, _) in &mut sessions {
            assert_eq!(client.recv().await, "last words");
            client.core.done();
            let end = (&mut client.task).await.unwrap().unwrap();
            assert_eq!(end.reason, Some(Reason::ShuttingDown));
            match end.retry {
                Some(Retry::After(ms)) => hints.push(ms),
                other => panic!("{other:?}"),
            }
        }
        hints
    };
    let ((), hints) = tokio::join!(shutting, clients);
    assert!(
        hints.iter().all(|ms| (20_000..=30_000).contains(ms)),
        "{hints:?}"
    );
    assert_eq!(refusal(&mut half).await.reason, Reason::ShuttingDown);
    match read_frame(&mut spare, &mut shaken.unwrap().1)
        .await
        .unwrap()
    {
        Frame::Bye(bye) => assert_eq!(bye.reason, Reason::ShuttingDown),
        other => panic!("{other:?}"),
    }
    for (_, session) in &sessions {
        assert_eq!(session.ended().await.numbers.unacknowledged(), 0);
    }
    assert!(server.accept().await.is_none());
    let mut late = Device::a().dial(&server);
    assert_eq!(refusal(&mut late).await.reason, Reason::ShuttingDown);
    let stats = server.stats();
    assert_eq!((stats.now.connections, stats.now.tasks), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_acknowledges_nothing_holds_a_shutdown_up_by_its_bound_only() {
    let server = server();
    let mut io = Device::a().dial(&server);
    let _shaken = Device::a().shake(&mut io, Purpose::Register).await.unwrap();
    let session = server.accept().await.unwrap();
    session.send("unheard").await.unwrap();
    let begun = tokio::time::Instant::now();
    server.shutdown(S).await;
    assert!((30..=36).contains(&begun.elapsed().as_secs()));
    assert_eq!(session.ended().await.numbers.unacknowledged(), 1);
    assert_eq!(session.unacknowledged(), (1, vec!["unheard".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_takes_everything_with_it() {
    let server = server();
    let (client, mut session) = Device::a().enter(&server).await;
    let (_waits, parked) = {
        let (client, session) = Device::new("b", 2).enter(&server).await;
        client.vanish();
        until(|| !session.is_connected()).await;
        (client, session)
    };
    let shared = std::sync::Arc::downgrade(&server.shared);
    drop(server);
    assert!(client.task.await.unwrap().is_some());
    assert_eq!(session.recv().await, None);
    let _ = parked.ended().await;
    drop((session, parked));
    until(|| shared.strong_count() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_dropped_ends_with_what_it_sent() {
    let server = server();
    let (client, session) = Device::a().enter(&server).await;
    session.send("last").await.unwrap();
    drop(session);
    assert_eq!(client.recv().await, "last");
    client.core.done();
    let end = client.task.await.unwrap().unwrap();
    assert_eq!(end.reason, Some(Reason::Done));
    until(|| server.stats().now.connections == 0).await;
    let identities = server
        .shared
        .book(|book, _| book.registry.census().identities);
    assert_eq!(identities, 0);
}
