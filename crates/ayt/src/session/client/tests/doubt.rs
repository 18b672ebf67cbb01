//! A WELCOME that never came: did the session go on, or not?

use super::super::Loss;
use super::server::Plan;
use super::*;

/// The next connection breaks within WELCOME.
const NO_WELCOME: Plan = Plan::Cut([40, usize::MAX, usize::MAX, usize::MAX]);

/// A client to which ten messages came, none of which its program has taken, and whose
/// connection breaks; and then another, within WELCOME.
async fn unread(server: &Server) -> Client {
    let client = builder(server, 1).pace(MS(10), MS(10)).start().unwrap();
    client.registered().await.unwrap();
    let core = server.core().await;
    for n in 1..=10 {
        core.send(number(n)).await.unwrap();
    }
    while client.state().numbers.received < 10 {
        tokio::time::sleep(MS(10)).await;
    }
    server.cut();
    event(&client, |event| match event {
        Event::Lost(Loss::Closed | Loss::Transport(_)) => Some(()),
        _ => None,
    })
    .await;
    client
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_told_lost_is_held_back_until_that_is_known() {
    let server = Server::new();
    server.plan([Plan::Serve, NO_WELCOME]);
    server.plan(std::iter::repeat_n(Plan::Unreachable, 200));
    let client = unread(&server).await;
    let early = tokio::time::timeout(MS(50), client.recv()).await;
    assert!(early.is_err(), "{early:?}");
    for n in 1..=10 {
        assert_eq!(client.recv().await.unwrap(), number(n), "resumed");
    }
}

#[tokio::test(start_paused = true)]
async fn and_is_never_handed_over_where_it_was() {
    let server = Server::new();
    server.plan([Plan::Serve, NO_WELCOME, Plan::Forget(true)]);
    let client = unread(&server).await;
    event(&client, |event| {
        matches!(event, Event::NotResumed { .. }).then_some(())
    })
    .await;
    client.registered().await.unwrap();
    server.core().await.send("sent again".into()).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), "sent again");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_in_doubt_can_still_take_what_came() {
    let server = Server::new();
    server.plan([Plan::Serve, NO_WELCOME]);
    server.plan(std::iter::repeat_n(Plan::Unreachable, 1_000));
    let client = unread(&server).await;
    client.abort();
    client.ended().await;
    for n in 1..=10 {
        assert_eq!(client.recv().await.unwrap(), number(n));
    }
    assert_eq!(client.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_leaves_no_doubt() {
    let server = Server::new();
    let refuse = Plan::Refuse(
        ayt_core::session::frame::Reason::Overloaded,
        ayt_core::session::frame::Retry::After(3_600_000),
    );
    server.plan([Plan::Serve, NO_WELCOME, refuse]);
    let client = unread(&server).await;
    for n in 1..=10 {
        assert_eq!(client.recv().await.unwrap(), number(n));
    }
}
