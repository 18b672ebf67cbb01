//! Takeovers and shutdowns.

use ayt::cause::Cause;
use ayt::session::Reason;

use super::child::Device;
use super::relay::Relay;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newer_device_takes_over_and_the_older_stops() {
    if !python() {
        return;
    }
    let server = server(limits()).await;
    let address = server.local_addr().unwrap();
    let mut older = Device::start(address, &["--stay"]);
    let mut first = accept(&server).await;
    for text in ["a", "b", "c"] {
        older.types(text);
    }
    // They have come, and nobody has taken them.
    let came = async {
        while first.numbers().received < 3 {
            tokio::time::sleep(MS(5)).await;
        }
    };
    soon("three messages", came).await;
    let mut newer = Device::start(address, &["--stay"]);
    let mut second = accept(&server).await;
    newer.types("d");
    for text in ["a", "b", "c"] {
        assert_eq!(recv(&mut first).await, text);
    }
    assert_eq!(soon("the end", first.recv()).await, None);
    let end = soon("the end", first.ended()).await;
    assert_eq!(end.cause, Cause::Superseded);
    assert_eq!(recv(&mut second).await, "d");
    assert!(second.epoch() > first.epoch());
    let told = older.event("goodbye").await;
    assert_eq!(told["reason"], "superseded");
    assert_eq!(older.exit().await.0, Some(3));
    assert!(second.is_connected());
    assert_eq!(server.stats().takeovers, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_servers_hint_is_waited_for_and_the_next_server_found() {
    if !python() {
        return;
    }
    let first = server(limits()).await;
    let relay = Relay::open(first.local_addr().unwrap()).await;
    let mut device = Device::start(relay.address, &["--stay"]);
    let mut session = accept(&first).await;
    device.types("before");
    assert_eq!(recv(&mut session).await, "before");
    session.done();
    let hint = MS(700);
    let since = tokio::time::Instant::now();
    soon("closed", first.shutdown(hint)).await;
    let second = server(limits()).await;
    relay.lead_to(second.local_addr().unwrap());
    let told = device.event("goodbye").await;
    assert_eq!(
        (&*told["reason"], &*told["retry"]),
        ("shutting_down", "700")
    );
    assert_eq!(device.event("waiting").await["hint"], "0.700");
    let mut session = accept(&second).await;
    assert!(since.elapsed() >= hint, "{:?}", since.elapsed());
    // This server has never heard of the session: it begins anew.
    device.event("registered").await;
    device.types("after");
    assert_eq!(recv(&mut session).await, "after");
    assert!(session.predecessor().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kicked_device_stops_and_one_with_a_hint_comes_back() {
    if !python() {
        return;
    }
    use ayt::session::Retry;
    let server = server(limits()).await;
    let mut device = Device::start(server.local_addr().unwrap(), &["--stay"]);
    let session = accept(&server).await;
    device.event("registered").await;
    session.kick(Retry::After(50), "come again");
    let told = device.event("goodbye").await;
    assert_eq!((&*told["reason"], &*told["retry"]), ("kicked", "50"));
    let session = accept(&server).await;
    device.event("registered").await;
    session.kick(Retry::Never, "go away");
    let (code, told) = device.exit().await;
    assert_eq!(code, Some(3), "{told:?}");
    let end = soon("the end", session.ended()).await;
    assert_eq!(end.reason, Some(Reason::Kicked));
}
