//! Sessions that cannot be resumed: both programs are told the same.

use super::child::Device;
use super::relay::Relay;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_session_is_told_to_both_exactly() {
    if !python() {
        return;
    }
    let server = server(Limits {
        resume_for: MS(300),
        ..limits()
    })
    .await;
    let relay = Relay::open(server.local_addr().unwrap()).await;
    let mut device = Device::start(relay.address, &["--stay"]);
    let mut old = accept(&server).await;
    device.event("registered").await;
    // Of six messages three are done with, and one is in hand.
    for n in 1..=6 {
        device.types(&format!("up{n}"));
    }
    for n in 1..=4 {
        assert_eq!(recv(&mut old).await, format!("up{n}"));
    }
    old.send("down1").await.unwrap();
    assert_eq!(device.line().await, "down1");
    let came = async {
        while old.numbers().received < 6 || old.numbers().acknowledged < 1 {
            tokio::time::sleep(MS(5)).await;
        }
    };
    soon("all of it", came).await;
    relay.shut(true);
    soon("expired", async {
        while server.stats().ended.is_empty() {
            tokio::time::sleep(MS(5)).await;
        }
    })
    .await;
    relay.shut(false);
    let mut new = accept(&server).await;
    // The device: three arrived, of which it knew some before, and three are lost.
    let told = device.event("lost").await;
    assert_eq!((&*told["sender"], &*told["messages"]), ("device", "4-6"));
    assert_eq!(device.event("registered").await["again"], "0");
    // The server: what came and was not handed over never is.
    assert_eq!(soon("nothing", old.recv()).await, None);
    let before = new.predecessor().unwrap();
    assert_eq!((before.peer_received, before.lost()), (1, 0));
    assert_eq!(before.numbers.handed_over, 3);
    device.types("up4, again");
    assert_eq!(recv(&mut new).await, "up4, again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarted_leaves_it_open() {
    if !python() {
        return;
    }
    let first = server(limits()).await;
    let relay = Relay::open(first.local_addr().unwrap()).await;
    let mut device = Device::start(relay.address, &["--stay"]);
    let mut session = accept(&first).await;
    device.types("in hand");
    assert_eq!(recv(&mut session).await, "in hand");
    // It crashes: nobody says goodbye.
    relay.shut(true);
    drop(first);
    // Dropped now, the session might still get its BYE out.
    let _old = session;
    let second = server(limits()).await;
    relay.lead_to(second.local_addr().unwrap());
    relay.shut(false);
    let mut session = accept(&second).await;
    let told = device.event("unsure").await;
    assert_eq!((&*told["sender"], &*told["messages"]), ("device", "1-1"));
    device.event("registered").await;
    device.types("again");
    assert_eq!(recv(&mut session).await, "again");
}
