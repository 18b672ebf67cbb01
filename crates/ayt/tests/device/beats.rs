//! Heartbeats: both sides', the one-way form, late ones, missed ones.

use ayt::cause::Cause;
use ayt::session::server::SessionEvent;
use ayt::session::{End, Reason};

use super::child::Device;
use super::relay::{BEAT, PING, PONG, Relay, Way};
use super::*;

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let looks = async {
        while !is() {
            tokio::time::sleep(MS(5)).await;
        }
    };
    soon(what, looks).await;
}

/// The next event that tells of the connection's health.
async fn health(session: &Session) -> SessionEvent {
    loop {
        let event = soon("an event", session.next_event()).await.unwrap();
        if !matches!(
            event,
            SessionEvent::Connected { .. } | SessionEvent::RoundTrip(_) | SessionEvent::Late(_)
        ) {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_send_beats_while_nobody_says_anything() {
    if !python() {
        return;
    }
    let server = server(limits()).await;
    let relay = Relay::open(server.local_addr().unwrap()).await;
    let mut device = Device::start(relay.address, &["--stay", "--beat", "0.2"]);
    let session = accept(&server).await;
    device.event("registered").await;
    let both = || relay.frames(Way::Up, BEAT) >= 5 && relay.frames(Way::Down, BEAT) >= 5;
    until("five beats each", both).await;
    assert!(session.is_connected());
    assert_eq!(server.stats().resumed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_device_is_asked_and_recovers() {
    if !python() {
        return;
    }
    let server = server(Limits {
        challenge: MS(60_000),
        ..limits()
    })
    .await;
    let relay = Relay::open(server.local_addr().unwrap()).await;
    let _device = Device::start(relay.address, &["--stay", "--beat", "0.2"]);
    let session = accept(&server).await;
    relay.stop(Way::Up, true);
    assert_eq!(health(&session).await, SessionEvent::Suspect);
    until("PING", || relay.frames(Way::Down, PING) > 0).await;
    relay.stop(Way::Up, false);
    assert_eq!(health(&session).await, SessionEvent::Recovered);
    until("PONG", || relay.frames(Way::Up, PONG) > 0).await;
    assert!(session.is_connected());
}

/// How the connection ends. On a loaded machine a beat may be late before.
async fn lost(session: &Session) -> End {
    loop {
        match health(session).await {
            SessionEvent::Lost(end) => return end,
            SessionEvent::Suspect | SessionEvent::Recovered => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A device whose beats no longer arrive: found, told why, and back with its session.
async fn missed(words: &[&str]) -> (Relay, Server, Session, Device) {
    let server = server(Limits {
        challenge: MS(1_000),
        ..limits()
    })
    .await;
    let relay = Relay::open(server.local_addr().unwrap()).await;
    let mut device = Device::start(relay.address, words);
    let mut session = accept(&server).await;
    device.event("registered").await;
    until("a beat", || relay.frames(Way::Up, BEAT) > 0).await;
    relay.stop(Way::Up, true);
    assert_eq!(lost(&session).await.cause, Cause::HeartbeatMissed);
    device.types("on its way meanwhile");
    let told = device.event("goodbye").await;
    assert_eq!(told["reason"], "heartbeat_missed");
    relay.stop(Way::Up, false);
    device.event("resumed").await;
    assert_eq!(recv(&mut session).await, "on its way meanwhile");
    (relay, server, session, device)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_missed_its_beats_is_told_and_resumes() {
    if !python() {
        return;
    }
    let (relay, ..) = missed(&["--stay", "--beat", "0.2"]).await;
    assert!(relay.frames(Way::Down, PING) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_way_device_is_only_waited_for() {
    if !python() {
        return;
    }
    let words = ["--stay", "--beat", "0.2", "--one-way"];
    let (relay, ..) = missed(&words).await;
    assert_eq!(relay.frames(Way::Down, PING), 0, "it is not asked");
    assert_eq!(relay.frames(Way::Up, PONG), 0, "nor does it answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_is_asked_and_left_and_come_back_to() {
    if !python() {
        return;
    }
    let server = server(Limits {
        challenge: MS(1_000),
        ..limits()
    })
    .await;
    let relay = Relay::open(server.local_addr().unwrap()).await;
    let words = ["--stay", "--beat", "0.2", "--drain", "0.2"];
    let mut device = Device::start(relay.address, &words);
    let session = accept(&server).await;
    device.event("registered").await;
    relay.stop(Way::Down, true);
    device.event("suspect").await;
    device.event("dead").await;
    let end = lost(&session).await;
    assert_eq!(end.reason, Some(Reason::HeartbeatMissed));
    assert!(end.by_peer);
    session.send("said meanwhile").await.unwrap();
    relay.stop(Way::Down, false);
    device.event("resumed").await;
    assert_eq!(device.line().await, "said meanwhile");
}
