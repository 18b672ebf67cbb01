//! Sessions that are lost: exactly what the program is told and given.

use ayt_core::session::frame::{Reason, Retry};

use super::super::Undelivered;
use super::server::Plan;
use super::*;

/// A client that has sent ten messages, of which the server has handed over four
/// and acknowledged `acknowledged`, and whose connection then breaks.
async fn broken(server: &Server, builder: Builder, acknowledged: u64) -> Client {
    let client = builder.start().unwrap();
    client.registered().await.unwrap();
    let core = server.core().await;
    for n in 1..=10 {
        client.send(number(n)).await.unwrap();
    }
    for n in 1..=acknowledged {
        assert_eq!(core.recv().await.unwrap(), number(n));
    }
    core.done();
    while client.state().numbers.acknowledged < acknowledged {
        tokio::time::sleep(MS(10)).await;
    }
    for n in acknowledged + 1..=4 {
        assert_eq!(core.recv().await.unwrap(), number(n));
    }
    core.done();
    server.cut();
    client
}

async fn not_resumed(client: &Client) -> (Option<u64>, usize, usize) {
    event(client, |event| match event {
        Event::NotResumed {
            handed_over,
            undelivered,
            resent,
            numbers,
        } => {
            assert_eq!(numbers.accepted, 10);
            Some((handed_over, undelivered, resent))
        }
        Event::Registered { resumed, .. } => {
            assert!(!resumed);
            None
        }
        _ => None,
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_server_that_still_knows_says_what_it_has_handed_over() {
    let server = Server::new();
    server.plan([Plan::Serve, Plan::Forget(true)]);
    let client = broken(&server, builder(&server, 1), 2).await;
    assert_eq!(not_resumed(&client).await, (Some(4), 6, 0));
    let undelivered = client.take_undelivered();
    assert_eq!(
        undelivered,
        [Undelivered {
            first: 5,
            sent: 10,
            handed_over: Some(4),
            messages: (5..=10).map(number).collect(),
        }]
    );
    // Nothing of it was sent again.
    client.send("new").await.unwrap();
    assert_eq!(server.core().await.recv().await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_forgotten_leaves_it_open() {
    let server = Server::new();
    server.plan([Plan::Serve, Plan::Forget(false)]);
    let client = broken(&server, builder(&server, 1), 2).await;
    assert_eq!(not_resumed(&client).await, (None, 8, 0));
    let undelivered = client.take_undelivered();
    assert_eq!(undelivered[0].first, 3);
    assert_eq!(undelivered[0].messages[0], number(3));
    assert!(client.take_undelivered().is_empty(), "given once");
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_is_sent_again_where_the_program_says_so() {
    for (known, from) in [(true, 5), (false, 3)] {
        let server = Server::new();
        server.plan([Plan::Serve, Plan::Forget(known)]);
        let client = broken(&server, builder(&server, 1).resend_after_loss(true), 2).await;
        let resent = 11 - from as usize;
        assert_eq!(not_resumed(&client).await, (known.then_some(4), 0, resent));
        client.send("new").await.unwrap();
        let core = server.core().await;
        for n in from..=10 {
            assert_eq!(core.recv().await.unwrap(), number(n));
        }
        assert_eq!(core.recv().await.unwrap(), "new");
        assert!(client.take_undelivered().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_claims_what_was_never_sent_is_not_gone_on_with() {
    let server = Server::new();
    server.plan([Plan::Serve, Plan::Claim(11)]);
    let client = broken(&server, builder(&server, 1), 4).await;
    assert_eq!(not_resumed(&client).await, (None, 6, 0));
    assert!(!registered(&client).await, "a new session");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_forgot_what_it_acknowledged_is_not_gone_on_with() {
    let server = Server::new();
    server.plan([Plan::Serve, Plan::Claim(1)]);
    let client = broken(&server, builder(&server, 1), 4).await;
    assert_eq!(not_resumed(&client).await, (None, 6, 0));
    assert!(!registered(&client).await, "a new session");
}

/// A client with five messages from the server, of which its program has taken one
/// and asked for no other.
async fn unread(server: &Server) -> Client {
    let client = client(server);
    registered(&client).await;
    let core = server.core().await;
    for n in 0..5 {
        core.send(number(n)).await.unwrap();
    }
    while client.state().numbers.received < 5 {
        tokio::time::sleep(MS(1)).await;
    }
    assert_eq!(client.recv().await.unwrap(), number(0));
    client
}

#[tokio::test(start_paused = true)]
async fn what_the_server_was_told_did_not_arrive_does_not() {
    let server = Server::new();
    server.plan([Plan::Serve, Plan::Forget(true)]);
    let client = unread(&server).await;
    client.done();
    server.cut();
    assert!(!registered(&client).await);
    server.core().await.send("new".into()).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn what_came_in_of_a_session_that_the_server_ended_comes_before_the_next() {
    let server = Server::new();
    let client = unread(&server).await;
    let old = server.core().await;
    old.bye(Reason::Kicked, Retry::After(100), "");
    assert!(!registered(&client).await);
    server.core().await.send("new".into()).await.unwrap();
    for n in 1..5 {
        assert_eq!(client.recv().await.unwrap(), number(n));
    }
    assert_eq!(client.recv().await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_waits_goes_on_over_the_loss_of_its_session() {
    let server = Server::new();
    server.plan([Plan::Serve, Plan::Forget(false)]);
    let client = builder(&server, 1).replay_bound(4_096).start().unwrap();
    client.registered().await.unwrap();
    while client.try_send(vec![0; 1_000]).is_ok() {}
    let waiting = async {
        let sent = client.send(vec![9; 1_000]).await;
        sent.unwrap();
        client.recv().await.unwrap()
    };
    let losing = async {
        let old = server.core().await;
        server.cut();
        let core = loop {
            let core = server.core().await;
            if !std::sync::Arc::ptr_eq(&core, &old) {
                break core;
            }
            tokio::time::sleep(MS(10)).await;
        };
        assert_eq!(core.recv().await.unwrap(), vec![9; 1_000]);
        core.send("answer".into()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, losing);
    assert_eq!(answer, "answer");
}
