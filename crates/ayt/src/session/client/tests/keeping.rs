//! A session kept over the end of its process.

use std::sync::{Arc, Mutex};

use super::super::{Loss, Saved};
use super::server::Plan;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_suspended_session_goes_on_in_another_process() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let core = server.core().await;
    for n in 1..=3 {
        client.send(number(n)).await.unwrap();
        core.send(number(100 + n)).await.unwrap();
    }
    assert_eq!(core.recv().await.unwrap(), number(1));
    // In hand, and not done with when the process ends.
    assert_eq!(client.recv().await.unwrap(), number(101));
    let saved = client.suspend().await.unwrap();
    assert_eq!(saved.messages.len(), 3);
    let shown = format!("{saved:?}");
    assert!(!shown.contains("secret"), "{shown}");

    let client = builder(&server, 2).restore(saved).start().unwrap();
    client.send(number(4)).await.unwrap();
    assert!(registered(&client).await, "resumed");
    for n in 2..=4 {
        assert_eq!(core.recv().await.unwrap(), number(n));
    }
    for n in 1..=3 {
        assert_eq!(client.recv().await.unwrap(), number(100 + n));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_too_early_is_not_resumed() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let core = server.core().await;
    let early = client.save().unwrap();
    client.send("after").await.unwrap();
    assert_eq!(core.recv().await.unwrap(), "after");
    core.done();
    drop(client);

    let client = builder(&server, 2).restore(early).start().unwrap();
    assert!(!registered(&client).await, "a new session");
    client.send("new").await.unwrap();
    assert_eq!(server.core().await.recv().await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_writes_down_what_it_sends_survives_a_crash() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let core = server.core().await;
    let mut saved = client.save().unwrap();
    for n in 1..=3 {
        saved.messages.push(number(n));
        client.send(number(n)).await.unwrap();
    }
    // Written down, and not sent any more.
    saved.messages.push(number(4));
    // Received, and not handed over: the server cannot tell this from nothing.
    while core.numbers().received < 3 {
        tokio::time::sleep(MS(1)).await;
    }
    drop(client);

    let client = builder(&server, 2).restore(saved).start().unwrap();
    client.send(number(5)).await.unwrap();
    assert!(registered(&client).await, "resumed");
    for n in 1..=5 {
        assert_eq!(core.recv().await.unwrap(), number(n));
    }
}

#[tokio::test(start_paused = true)]
async fn the_new_secret_is_stored_before_anything_is_sent() {
    let server = Server::new();
    let stored: Arc<Mutex<Vec<Saved>>> = Arc::default();
    let (store, gate) = (
        Arc::clone(&stored),
        Arc::new(tokio::sync::Semaphore::new(0)),
    );
    let at_gate = Arc::clone(&gate);
    let client = builder(&server, 1)
        .on_secret(move |saved| {
            let (store, gate) = (Arc::clone(&store), Arc::clone(&at_gate));
            async move {
                gate.acquire().await.unwrap().forget();
                store.lock().unwrap().push(saved);
                Ok(())
            }
        })
        .start()
        .unwrap();
    client.send("first").await.unwrap();
    let core = server.core().await;
    let nothing = tokio::time::timeout(S(5), core.recv()).await;
    assert!(nothing.is_err(), "something was sent before it was stored");
    gate.add_permits(1);
    assert_eq!(core.recv().await.unwrap(), "first");
    server.cut();
    gate.add_permits(1);
    while stored.lock().unwrap().len() < 2 {
        tokio::time::sleep(MS(10)).await;
    }
    {
        let stored = stored.lock().unwrap();
        assert_eq!(stored[0].session, stored[1].session);
        assert_ne!(stored[0].secret.bits(), stored[1].secret.bits());
        assert_eq!(stored[0].messages, ["first"]);
    }
    drop(client);
    let last = stored.lock().unwrap().pop().unwrap();
    let client = builder(&server, 2).restore(last).start().unwrap();
    assert!(registered(&client).await);
}

#[tokio::test(start_paused = true)]
async fn where_the_secret_cannot_be_stored_nothing_is_lost() {
    let server = Server::new();
    let failures = Arc::new(std::sync::atomic::AtomicUsize::new(3));
    let client = builder(&server, 1)
        .on_secret(move |_| {
            let order = std::sync::atomic::Ordering::Relaxed;
            let fails = failures.fetch_update(order, order, |n| n.checked_sub(1));
            std::future::ready(match fails {
                Ok(_) => Err(std::io::ErrorKind::StorageFull.into()),
                Err(_) => Ok(()),
            })
        })
        .start()
        .unwrap();
    client.send("kept").await.unwrap();
    for _ in 0..3 {
        event(&client, |event| {
            matches!(event, Event::Lost(Loss::Store(_))).then_some(())
        })
        .await;
    }
    assert!(registered(&client).await, "the session from before");
    assert_eq!(server.core().await.recv().await.unwrap(), "kept");
}

#[tokio::test(start_paused = true)]
async fn before_the_first_registration_there_is_nothing_to_keep() {
    let server = Server::new();
    server.plan([Plan::Mute]);
    let client = client(&server);
    client.send("unsent").await.unwrap();
    assert!(client.save().is_none());
    client.abort();
    client.ended().await;
    assert_eq!(client.take_undelivered()[0].messages, ["unsent"]);
    assert!(client.suspend().await.is_none());
}
