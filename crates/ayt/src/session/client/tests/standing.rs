//! A connection that stands: messages, heartbeats, the end.

use ayt_core::session::frame::{Reason, Retry};
use ayt_core::session::handshake::{BeatPolicy, TermsPolicy};
use ayt_core::session::reconnect::Stop;

use super::super::{Status, Stopped, TrySendError};
use super::*;

#[tokio::test(start_paused = true)]
async fn messages_flow_both_ways_and_close_waits_for_the_last() {
    let server = Server::new();
    let client = client(&server);
    // Before there is any connection.
    for n in 0..100 {
        client.send(number(n)).await.unwrap();
    }
    let core = server.core().await;
    for n in 0..100 {
        assert_eq!(core.recv().await.unwrap(), number(n));
        core.send(number(n * 2)).await.unwrap();
    }
    core.done();
    for n in 0..100 {
        assert_eq!(client.recv().await.unwrap(), number(n * 2));
    }
    client.send("last").await.unwrap();
    let (ended, last) = tokio::join!(client.close(), async {
        let last = core.recv().await.unwrap();
        core.done();
        last
    });
    assert_eq!(last, "last");
    assert_eq!(ended.stopped, Stopped::Closed);
    assert!(ended.is_clean(), "{ended}");
    assert_eq!(client.state().status, Status::Stopped);
    assert!(client.send("too late").await.is_err());
    assert_eq!(client.recv().await, None);
    assert!(client.take_undelivered().is_empty());
    assert!(client.save().is_none(), "the session is over");
    assert_eq!(
        story(&client).await,
        ["connecting", "connected", "stopped: this program closed it"]
    );
}

#[tokio::test(start_paused = true)]
async fn closing_is_bounded_when_nobody_acknowledges() {
    let server = Server::new();
    let client = client(&server);
    client.send("never taken").await.unwrap();
    client.registered().await.unwrap();
    let since = server.now();
    let ended = client.close().await;
    assert!(server.now() - since <= S(35), "its time and the drain's");
    assert!(!ended.is_clean());
    assert_eq!(ended.numbers.unacknowledged(), 1);
    let undelivered = client.take_undelivered();
    assert_eq!(undelivered[0].messages, ["never taken"]);
    assert_eq!((undelivered[0].first, undelivered[0].sent), (1, 1));
    assert_eq!(
        story(&client).await,
        [
            "connecting",
            "connected",
            "stopped: this program closed it; one message was not acknowledged in time"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn closing_without_a_connection_ends_at_once_when_nothing_is_open() {
    let server = Server::new();
    server.plan(vec![server::Plan::Unreachable; 20]);
    let client = client(&server);
    event(&client, |event| {
        matches!(event, Event::Waiting(_)).then_some(())
    })
    .await;
    let since = server.now();
    assert!(client.close().await.is_clean());
    assert_eq!(server.now(), since);
}

#[tokio::test(start_paused = true)]
async fn closing_comes_back_to_deliver_what_is_open() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let core = server.core().await;
    server.cut();
    client.send("still open").await.unwrap();
    let (ended, message) = tokio::join!(client.close(), async {
        let message = core.recv().await;
        core.done();
        message
    });
    assert_eq!(message.unwrap(), "still open");
    assert!(ended.is_clean(), "{ended}");
}

#[tokio::test(start_paused = true)]
async fn the_server_ends_the_session_and_what_it_sent_before_is_handed_over() {
    let server = Server::new();
    let client = client(&server);
    let core = server.core().await;
    core.send(number(1)).await.unwrap();
    core.send(number(2)).await.unwrap();
    core.end(Reason::Done, Retry::Never);
    assert_eq!(client.recv().await.unwrap(), number(1));
    assert_eq!(client.recv().await.unwrap(), number(2));
    assert_eq!(client.recv().await, None);
    assert_eq!(client.ended().await.stopped, Stopped::Server(Stop::Done));
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_silence_is_bridged_by_heartbeats() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    tokio::time::sleep(S(3_600)).await;
    assert_eq!(client.state().status, Status::Registered);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_kills_nobody() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    for _ in 0..10 {
        // Both sides slept for a day: every timer is late.
        tokio::time::advance(S(86_400)).await;
        client.send("awake").await.unwrap();
        assert_eq!(server.core().await.recv().await.unwrap(), "awake");
    }
    assert_eq!(server.asked().len(), 1, "one connection all the time");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_quiet_is_suspected_asked_and_heard() {
    let server = Server::new();
    // It promises a beat that it does not keep: it has promised none to itself.
    let quiet = BeatPolicy::new(10, 30_000, 3_600_000, true).unwrap();
    server.set_policy(TermsPolicy {
        server_beat: quiet,
        ..TermsPolicy::default()
    });
    server.break_the_promise();
    let client = client(&server);
    let mut told = Vec::new();
    while told.len() < 3 {
        match client.event().await.unwrap() {
            Event::Suspect => told.push("suspect"),
            Event::Recovered => told.push("recovered"),
            Event::RoundTrip(_) => told.push("round trip"),
            _ => {}
        }
    }
    assert_eq!(told, ["suspect", "recovered", "round trip"]);
    assert_eq!(client.state().status, Status::Registered);
    assert!(client.state().round_trip.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dead_server_is_found_dead_in_its_time_and_the_session_goes_on() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let since = server.now();
    server.freeze();
    event(&client, |event| {
        matches!(event, Event::Suspect).then_some(())
    })
    .await;
    assert_eq!(server.now() - since, S(60));
    let loss = event(&client, |event| match event {
        Event::Lost(loss) => Some(loss.to_string()),
        _ => None,
    })
    .await;
    assert_eq!(loss, "the heartbeat stayed out");
    assert_eq!(server.now() - since, S(65), "B·M + C");
    assert!(registered(&client).await, "resumed");
}

#[tokio::test(start_paused = true)]
async fn it_can_be_asked_whether_the_server_is_there() {
    let server = Server::new();
    let client = client(&server);
    assert!(!client.answers().await, "not connected yet");
    client.registered().await.unwrap();
    assert!(client.answers().await);
    server.freeze();
    let since = server.now();
    assert!(!client.answers().await);
    assert_eq!(server.now() - since, S(5), "the challenge time");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_client_leaves_no_task_and_no_connection() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let core = server.core().await;
    let shared = std::sync::Arc::downgrade(&client.shared);
    assert!(core.is_connected());
    drop(client);
    while core.is_connected() || shared.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_replay_buffer_holds_up_the_sender_until_the_server_acknowledges() {
    let server = Server::new();
    server.plan(vec![server::Plan::Unreachable; 3]);
    let client = builder(&server, 3).replay_bound(4_096).start().unwrap();
    let mut taken = 0;
    let message = Bytes::from(vec![1; 68]);
    loop {
        match client.try_send(message.clone()) {
            Ok(()) => taken += 1,
            Err(TrySendError::Full(back)) => break assert_eq!(back, message),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(taken, 4_096 / (68 + 32));
    assert_eq!(client.state().numbers.accepted, taken);
    let reading = async {
        let core = server.core().await;
        for _ in 0..=taken {
            core.recv().await.unwrap();
        }
    };
    let (sent, ()) = tokio::join!(client.send(message.clone()), reading);
    sent.unwrap();
}
