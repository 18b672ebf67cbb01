//! Registration, messages, goodbyes.

use ayt::session::Reason;

use super::child::Device;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_both_ways_and_both_sides_part_in_good_order() {
    if !python() {
        return;
    }
    let server = server(limits()).await;
    let address = server.local_addr().unwrap();
    let mut device = Device::start(address, &[]);
    let mut session = accept(&server).await;
    assert_eq!(&session.identity()[..], IDENTITY.as_bytes());
    let told = device.event("registered").await;
    assert_eq!(told["epoch"], session.epoch().to_string());
    // The empty message, and one that is longer than a packet.
    let long = "x".repeat(60_000);
    for text in ["first", "", "grüße", &long] {
        device.types(text);
        assert_eq!(recv(&mut session).await, text);
        session.send(text.to_owned()).await.unwrap();
        assert_eq!(device.line().await, text);
    }
    device.types("last");
    device.close_stdin();
    // Acknowledged is what is done with; the device waits for that.
    assert_eq!(recv(&mut session).await, "last");
    session.done();
    let end = soon("the end", session.ended()).await;
    assert_eq!((end.reason, end.missing), (Some(Reason::Done), 0));
    let numbers = end.numbers;
    assert_eq!((numbers.handed_over, numbers.acknowledged), (5, 4));
    let (code, told) = device.exit().await;
    assert_eq!(code, Some(0), "{told:?}");
    assert_eq!(told.last().unwrap(), "done", "{told:?}");
    assert_eq!(server.stats().registered, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_the_session_delivers_first() {
    if !python() {
        return;
    }
    let server = server(limits()).await;
    let mut device = Device::start(server.local_addr().unwrap(), &["--stay"]);
    let session = accept(&server).await;
    for n in 0..100 {
        session.send(format!("n{n}")).await.unwrap();
    }
    let end = soon("closed", session.close()).await;
    assert_eq!(end.numbers.unacknowledged(), 0);
    for n in 0..100 {
        assert_eq!(device.line().await, format!("n{n}"));
    }
    let told = device.event("goodbye").await;
    assert_eq!(told["reason"], "done");
    assert_eq!(device.exit().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_is_a_goodbye_too() {
    if !python() {
        return;
    }
    let server = server(limits()).await;
    let mut device = Device::start(server.local_addr().unwrap(), &["--stay"]);
    let session = accept(&server).await;
    device.event("registered").await;
    device.terminate();
    let end = soon("the end", session.ended()).await;
    assert_eq!(end.reason, Some(Reason::Done));
    assert_eq!(device.exit().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_and_an_unknown_identity_are_refused_alike() {
    if !python() {
        return;
    }
    let server = server(limits()).await;
    let address = server.local_addr().unwrap();
    let right: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut said = Vec::new();
    for (identity, key) in [(IDENTITY, "18".repeat(32)), ("meter-18", right)] {
        let mut device = Device::start_as(address, identity, &key, &["--stay"]);
        let told = device.event("goodbye").await;
        assert_eq!(told["reason"], "not_authorised");
        assert_eq!(told["retry"], u32::MAX.to_string(), "do not come back");
        let (code, told) = device.exit().await;
        assert_eq!(code, Some(3), "{told:?}");
        assert!(told.contains(&"stopped reason=not_authorised".into()));
        said.push(told);
    }
    assert_eq!(said[0], said[1], "nothing tells who exists");
    let stats = server.stats();
    assert_eq!(stats.refused, [(Reason::NotAuthorised, 2)]);
    assert_eq!(stats.registered, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_with_a_key_does_not_go_on_with_a_server_that_asks_for_none() {
    if !python() {
        return;
    }
    let builder = Server::builder().without_authentication().limits(limits());
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let mut device = Device::start(server.local_addr().unwrap(), &["--stay"]);
    device.event("disconnected").await;
    // It comes back: whoever cannot prove anything must not stop a device.
    device.event("disconnected").await;
    assert_eq!(server.stats().registered, 0);
}
