//! Sessions that go on over another connection.

use ayt_core::cause::Cause;
use ayt_core::session::handshake::{Purpose, Resumption};
use ayt_core::session::proof::Secret;

use super::client::NotIn;
use super::*;

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_repeated_over_a_hundred_cuts() {
    let server = server();
    let device = Device::a();
    let (mut client, session) = device.enter(&server).await;
    let (sender, mut receiver) = session.split();
    let mut up = 0u32;
    let mut down = 0u32;
    for _ in 0..100 {
        for n in 0..20 {
            let message = (up + n).to_be_bytes().to_vec();
            client.core.send(message.into()).await.unwrap();
            sender
                .send((down + n).to_be_bytes().to_vec())
                .await
                .unwrap();
        }
        for _ in 0..10 {
            assert_eq!(receiver.recv().await.unwrap()[..], up.to_be_bytes());
            assert_eq!(client.recv().await[..], down.to_be_bytes());
            (up, down) = (up + 1, down + 1);
        }
        client = device.resume(&server, &client).await.unwrap();
        assert!(client.welcome.resumed);
        for _ in 0..10 {
            assert_eq!(receiver.recv().await.unwrap()[..], up.to_be_bytes());
            assert_eq!(client.recv().await[..], down.to_be_bytes());
            (up, down) = (up + 1, down + 1);
        }
    }
    let stats = server.stats();
    assert_eq!((stats.registered, stats.resumed), (1, 100));
    assert_eq!(stats.now.connections, 1);
    assert!(stats.ended.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_connection_takes_messages_and_tells_of_it() {
    let server = server();
    let (client, session) = Device::a().enter(&server).await;
    client.vanish();
    until(|| !session.is_connected()).await;
    session.send("while away").await.unwrap();
    let cost = server
        .shared
        .book(|book, _| book.registry.census().parked_cost);
    assert_eq!(cost, 10 + 32);
    let back = Device::a().resume(&server, &client).await.unwrap();
    assert_eq!(back.recv().await, "while away");
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(session.next_event().await.unwrap());
    }
    assert!(matches!(told[0], SessionEvent::Connected { .. }));
    assert!(matches!(&told[1], SessionEvent::Lost(end) if end.cause == Cause::PeerClosed));
    assert!(matches!(told[2], SessionEvent::Resumed { .. }), "{told:?}");
    assert_eq!(session.epoch(), back.welcome.epoch);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_refused_and_touches_nothing() {
    let server = server();
    let (client, mut session) = Device::a().enter(&server).await;
    let forged = Purpose::Resume(Resumption {
        session: client.welcome.session,
        secret: Secret::new([9; 16]),
        received: 0,
        sent: 0,
    });
    let mut io = Device::a().dial(&server);
    let refused = Device::a().shake(&mut io, forged).await;
    let Err(NotIn::Refused(refuse)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refuse.reason, Reason::NotAuthorised);
    // Nor does another identity resume it, also with the right secret.
    let other = Device::new("b", 2);
    let stolen = Device::resumption(&client);
    let mut io = other.dial(&server);
    let (welcome, _) = other.shake(&mut io, stolen).await.unwrap();
    assert!(!welcome.resumed && !welcome.known);
    client.send("untouched").await;
    assert_eq!(session.recv().await.unwrap(), "untouched");
    assert_eq!(session.epoch(), client.welcome.epoch);
}

#[tokio::test(start_paused = true)]
async fn the_secret_before_is_good_until_the_client_was_heard() {
    let server = server();
    let device = Device::a();
    let (client, _session) = device.enter(&server).await;
    client.core.part();
    // WELCOME with the new secret is lost: the old one is good again.
    for _ in 0..3 {
        let mut io = device.dial(&server);
        let resumption = Device::resumption(&client);
        let (welcome, _) = device.shake(&mut io, resumption).await.unwrap();
        assert!(welcome.resumed);
    }
    let back = device.resume(&server, &client).await.unwrap();
    back.send("heard").await;
    until(|| _session.numbers().received == 1).await;
    let mut io = device.dial(&server);
    let stale = Device::resumption(&client);
    let refused = device.shake(&mut io, stale).await.unwrap_err().refused();
    assert_eq!(refused.reason, Reason::NotAuthorised);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_not_resumed_in_time_says_what_is_lost() {
    let server = server();
    let (client, mut first) = Device::a().enter(&server).await;
    client.send("kept").await;
    assert_eq!(first.recv().await.unwrap(), "kept");
    first.done();
    first.send("arrives").await.unwrap();
    assert_eq!(client.recv().await, "arrives");
    client.vanish();
    until(|| !first.is_connected()).await;
    client.core.done();
    first.send("is lost").await.unwrap();
    first.send("is lost too").await.unwrap();
    let end = first.ended().await;
    assert_eq!(end.cause, Cause::PeerClosed);
    assert_eq!(end.numbers.accepted, 3);
    let (from, messages) = first.unacknowledged();
    assert!(from <= 2 && messages.ends_with(&["is lost".into(), "is lost too".into()]));
    let back = Device::a().resume(&server, &client).await.unwrap();
    assert!(!back.welcome.resumed && back.welcome.known);
    assert_eq!(back.welcome.received, 1, "up to where it was handed over");
    let second = server.accept().await.unwrap();
    let before = second.predecessor().unwrap();
    assert_eq!((before.peer_received, before.lost()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_is_suspected_and_lost_and_comes_back() {
    let server = server();
    let device = Device::a();
    let mut io = device.dial(&server);
    let (_welcome, _) = device.shake(&mut io, Purpose::Register).await.unwrap();
    let session = server.accept().await.unwrap();
    let begun = tokio::time::Instant::now();
    assert!(matches!(
        session.next_event().await,
        Some(SessionEvent::Connected { .. })
    ));
    assert_eq!(session.next_event().await, Some(SessionEvent::Suspect));
    assert_eq!(begun.elapsed().as_secs(), 60);
    match session.next_event().await {
        Some(SessionEvent::Lost(end)) => assert_eq!(end.cause, Cause::HeartbeatMissed),
        other => panic!("{other:?}"),
    }
    assert_eq!(begun.elapsed().as_secs(), 65);
    assert_eq!(session.ended().await.cause, Cause::HeartbeatMissed);
    assert_eq!(begun.elapsed().as_secs(), 365, "5 min later it is over");
    assert!(matches!(
        session.next_event().await,
        Some(SessionEvent::Ended { .. })
    ));
    assert_eq!(session.next_event().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_loses_nothing() {
    let server = server();
    let (client, mut session) = Device::a().enter(&server).await;
    let late = Duration::from_micros(1);
    for n in 0..200u8 {
        client.core.send(vec![n].into()).await.unwrap();
        loop {
            if let Ok(message) = tokio::time::timeout(late, session.recv()).await {
                assert_eq!(message.unwrap()[..], [n]);
                break;
            }
            let _ = tokio::time::timeout(late, session.ended()).await;
            let _ = tokio::time::timeout(late, server.accept()).await;
        }
    }
    let accept = tokio::time::timeout(S, server.accept());
    let other = Device::new("b", 2);
    let (entered, accepted) = tokio::join!(other.register(&server), accept);
    assert!(entered.is_ok());
    assert_eq!(&accepted.unwrap().unwrap().identity()[..], b"b");
    // A send that is given up has taken nothing.
    let big = vec![0; 60_000];
    while session.try_send(big.clone()).unwrap().is_none() {}
    let accepted = session.numbers().accepted;
    let sending = tokio::time::timeout(S, session.send(big.clone()));
    assert!(sending.await.is_err());
    assert_eq!(session.numbers().accepted, accepted);
}
