//! A second connection of the same identity.

use super::*;
use ayt_core::cause::Cause;

#[tokio::test(start_paused = true)]
async fn the_newest_takes_over_and_late_data_comes_first() {
    let server = server();
    let (old, mut first) = Device::a().enter(&server).await;
    old.send("one").await;
    assert_eq!(first.recv().await.unwrap(), "one");
    old.send("two").await;
    old.send("three").await;
    let new = Device::a().register(&server).await.unwrap();
    assert!(new.welcome.epoch > old.welcome.epoch);
    new.send("of the new one").await;
    let end = old.task.await.unwrap().unwrap();
    assert_eq!((end.reason, end.by_peer), (Some(Reason::Superseded), true));
    let mut second = server.accept().await.unwrap();
    // What the old one had in flight is delivered before.
    let early = tokio::time::timeout(S, second.recv()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(first.recv().await.unwrap(), "two");
    assert_eq!(first.recv().await.unwrap(), "three");
    assert_eq!(first.recv().await, None);
    assert_eq!(second.recv().await.unwrap(), "of the new one");
    assert_eq!(first.ended().await.cause, Cause::Superseded);
    assert!(second.is_connected());
    let stats = server.stats();
    assert_eq!((stats.takeovers, stats.now.connections), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_held_back_when_it_was_taken_over_hands_over_what_came() {
    let server = server();
    let (old, first) = Device::a().enter(&server).await;
    old.send("not taken yet").await;
    until(|| first.numbers().received == 1).await;
    let (middle, mut second) = Device::a().enter(&server).await;
    middle.send("held back").await;
    until(|| second.numbers().received == 1).await;
    let new = Device::a().register(&server).await.unwrap();
    new.send("of the newest").await;
    let mut third = server.accept().await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(second.recv().await.unwrap(), "held back");
    assert_eq!(second.recv().await, None);
    assert_eq!(third.recv().await.unwrap(), "of the newest");
    assert!(
        begun.elapsed() < S,
        "nobody waits for a drain that has ended"
    );
}

#[tokio::test(start_paused = true)]
async fn a_program_that_never_takes_the_old_data_delays_the_new_by_the_drain_only() {
    let server = server();
    let (old, first) = Device::a().enter(&server).await;
    old.send("never taken").await;
    until(|| first.numbers().received == 1).await;
    let new = Device::a().register(&server).await.unwrap();
    new.send("new").await;
    let mut second = server.accept().await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(second.recv().await.unwrap(), "new");
    assert!(begun.elapsed() <= 5 * S);
    assert_eq!(first.ended().await.numbers.received, 1);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_drops_the_old_session_delays_nothing() {
    let server = server();
    let (old, first) = Device::a().enter(&server).await;
    old.send("never taken").await;
    until(|| first.numbers().received == 1).await;
    let new = Device::a().register(&server).await.unwrap();
    new.send("new").await;
    let mut second = server.accept().await.unwrap();
    until(|| old.task.is_finished()).await;
    let begun = tokio::time::Instant::now();
    drop(first);
    assert_eq!(second.recv().await.unwrap(), "new");
    assert!(begun.elapsed() < S);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_stays() {
    let server = with_policy(Policy::Oldest);
    let (old, mut session) = Device::a().enter(&server).await;
    let refused = Device::a().register(&server).await.unwrap_err().refused();
    assert_eq!(refused.reason, Reason::IdentityInUse);
    assert_eq!(refused.retry, retry_after(10 * S));
    old.send("here").await;
    assert_eq!(session.recv().await.unwrap(), "here");
    // Its connection gone, another may register.
    old.vanish();
    until(|| server.stats().now.connections == 0).await;
    let new = Device::a().register(&server).await.unwrap();
    assert!(new.welcome.epoch > old.welcome.epoch);
    assert_eq!(server.stats().takeovers, 0);
}

#[tokio::test(start_paused = true)]
async fn verify_asks_the_old_one_which_stays_if_it_answers() {
    let server = with_policy(Policy::Verify);
    let (_old, session) = Device::a().enter(&server).await;
    let refused = Device::a().register(&server).await.unwrap_err().refused();
    assert_eq!(refused.reason, Reason::IdentityInUse);
    assert!(session.is_connected());
    assert_eq!(
        server.stats().now.unregistered,
        1,
        "it lingers for its refusal"
    );
    until(|| server.stats().now.unregistered == 0).await;
}

#[tokio::test(start_paused = true)]
async fn verify_lets_the_newer_in_where_the_old_one_is_silent() {
    let server = with_policy(Policy::Verify);
    // It has registered, and is never heard of again.
    let mut silent = Device::a().dial(&server);
    let purpose = ayt_core::session::handshake::Purpose::Register;
    let _shaken = Device::a().shake(&mut silent, purpose).await.unwrap();
    let old = server.accept().await.unwrap();
    let begun = tokio::time::Instant::now();
    let new = Device::a().register(&server).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5, "the challenge time");
    assert!(new.welcome.epoch > old.epoch());
    assert_eq!(old.ended().await.cause, Cause::Superseded);
}

#[tokio::test(start_paused = true)]
async fn who_waits_and_leaves_is_forgotten() {
    let server = with_policy(Policy::Verify);
    let mut silent = Device::a().dial(&server);
    let purpose = ayt_core::session::handshake::Purpose::Register;
    let _shaken = Device::a()
        .shake(&mut silent, purpose.clone())
        .await
        .unwrap();
    let mut waiting = Device::a().dial(&server);
    let shaking = Device::a();
    {
        let shake = shaking.shake(&mut waiting, purpose);
        assert!(tokio::time::timeout(S, shake).await.is_err());
    }
    drop(waiting);
    until(|| server.stats().gone == 1).await;
    let waiters = server.shared.book(|book, _| book.waiters.len());
    assert_eq!(waiters, 0);
    assert_eq!(server.stats().now.connections, 1);
}

#[tokio::test(start_paused = true)]
async fn who_has_not_the_key_takes_nothing_over() {
    let server = server();
    let (old, mut session) = Device::a().enter(&server).await;
    let before = session.epoch();
    let refused = Device::new("a", 7).register(&server).await;
    assert_eq!(refused.unwrap_err().refused().reason, Reason::NotAuthorised);
    assert_eq!(session.epoch(), before);
    old.send("untouched").await;
    assert_eq!(session.recv().await.unwrap(), "untouched");
}

#[tokio::test(start_paused = true)]
async fn two_devices_with_one_identity_are_found_out() {
    let server = Server::builder().keys(keys()).start().unwrap();
    let (mut last, mut session) = Device::a().enter(&server).await;
    for _ in 0..5 {
        last = Device::a().register(&server).await.unwrap();
        session = server.accept().await.unwrap();
    }
    let refused = Device::a().register(&server).await.unwrap_err().refused();
    assert_eq!(refused.reason, Reason::Flapping);
    assert_eq!(refused.retry, retry_after(60 * S));
    assert!(session.is_connected() && !last.task.is_finished());
    assert_eq!(server.stats().flapping, 1);
    let mut told = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(S, session.next_event()).await {
        told.push(event);
    }
    assert!(told.contains(&SessionEvent::Flapping), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kick_and_a_late_kick() {
    let server = server();
    let (old, first) = Device::a().enter(&server).await;
    first.kick(retry_after(7 * S), "enough");
    let end = old.task.await.unwrap().unwrap();
    assert_eq!(end.reason, Some(Reason::Kicked));
    assert_eq!(
        (end.retry, end.text.as_str()),
        (Some(retry_after(7 * S)), "enough")
    );
    assert_eq!(first.ended().await.reason, Some(Reason::Kicked));
    let (_new, second) = Device::a().enter(&server).await;
    first.kick(retry_after(7 * S), "again");
    assert!(
        second.is_connected(),
        "what is done in an older epoch's name is void"
    );
}
