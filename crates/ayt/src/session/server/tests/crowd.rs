//! Many at once, and again and again.

use super::client::refusal;
use super::*;

#[tokio::test(start_paused = true)]
async fn ten_thousand_that_say_nothing_are_refused_and_harm_nobody() {
    let server = server();
    let (client, mut session) = Device::a().enter(&server).await;
    let mut crowd = Vec::new();
    let mut taken = 0;
    for n in 0..10_000u16 {
        let (own, theirs) = tokio::io::duplex(512);
        taken += usize::from(server.serve_connection(theirs, at(n / 5)));
        crowd.push(own);
    }
    assert_eq!(taken, 1_000);
    assert_eq!(server.stats().now.unregistered, 1_000);
    client.send("alive").await;
    assert_eq!(session.recv().await.unwrap(), "alive");
    let (mut late, mut many) = (0, 0);
    for mut io in crowd {
        match refusal(&mut io).await.reason {
            Reason::TooLate => late += 1,
            Reason::Overloaded => many += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((late, many), (1_000, 9_000));
    until(|| server.stats().now.unregistered == 0).await;
    let stats = server.stats();
    assert_eq!(stats.refused(Reason::TooLate), 1_000);
    assert_eq!(stats.refused(Reason::Overloaded), 9_000);
    client.send("still").await;
    assert_eq!(session.recv().await.unwrap(), "still");
    let (_b, _sb) = Device::new("b", 2).enter(&server).await;
}

#[tokio::test(start_paused = true)]
async fn one_address_gets_its_share_only() {
    let server = server();
    let mut held = Vec::new();
    for n in 0..21 {
        let (own, theirs) = tokio::io::duplex(512);
        assert_eq!(server.serve_connection(theirs, at(7)), n < 20);
        held.push(own);
    }
    let (_client, _session) = Device::a().enter(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_restarts_a_thousand_times_leaves_nothing_behind() {
    let server = server();
    let baseline = server.stats().now.tasks;
    let mut olds = Vec::new();
    for n in 0..1_000 {
        let client = Device::a().register(&server).await.unwrap();
        client.send("in flight").await;
        if n % 3 == 0 {
            // Some restarts close the old connection, most leave it behind.
            client.vanish();
        }
        olds.push(client);
        let session = server.accept().await.unwrap();
        tokio::spawn(async move {
            let mut session = session;
            while session.recv().await.is_some() {}
        });
        let (live, drains) = server.shared.book(|book, _| {
            let now = book.registry.connections(b"a");
            (
                now.live.is_some(),
                book.conns.len() - usize::from(now.live.is_some()),
            )
        });
        assert!(live || n % 3 == 0);
        assert!(drains <= 1, "{drains} connections are drained");
    }
    let last = olds.pop().unwrap();
    for old in olds {
        let _ = old.task.await;
    }
    until(|| server.stats().now.connections <= 1).await;
    last.vanish();
    until(|| server.stats().now.connections == 0).await;
    let census = || server.shared.book(|book, _| book.registry.census());
    // 5 min later the last session is over as well.
    for _ in 0..400 {
        tokio::time::sleep(S).await;
    }
    until(|| census().identities == 0).await;
    assert_eq!((census().parked, census().timers), (0, 0));
    assert_eq!(server.stats().now.tasks, baseline);
    let left = server
        .shared
        .book(|book, _| (book.conns.len(), book.waiters.len()));
    assert_eq!(left, (0, 0));
    assert_eq!(server.stats().now.unregistered, 0);
}
