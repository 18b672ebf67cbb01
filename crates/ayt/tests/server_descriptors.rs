//! The server without descriptors: in a process of its own, whose limit is lowered.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    reason = "these tests wait for real sockets"
)]

mod devices;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ayt::session::server::Server;
use ayt_core::session::frame::Frame;
use devices::{Device, key, keys};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

/// All descriptors that are left.
fn take_all() -> Vec<OwnedFd> {
    let limit = Rlimit {
        current: Some(256),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).expect("lowering one's own limit is allowed");
    let mut taken = Vec::new();
    while let Ok(descriptor) = rustix::io::dup(std::io::stderr()) {
        taken.push(descriptor);
    }
    taken
}

#[tokio::test]
async fn without_descriptors_the_server_pauses_serves_who_is_there_and_goes_on() {
    let server = Server::builder().keys(keys());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let mut device = Device::register(address, key()).await.unwrap();
    let mut session = server.accept().await.unwrap();

    // One descriptor for who is to wait outside.
    let mut taken = take_all();
    let begun = Instant::now();
    drop(taken.pop());
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let mut seq = 0;
    while server.stats().accept_errors < 8 {
        // Those that are there are served all the while.
        seq += 1;
        device.send(seq, "here").await;
        assert_eq!(session.recv().await.unwrap(), "here");
        session.send("there").await.unwrap();
        loop {
            match device.next().await.expect("a frame") {
                Frame::Data { message, .. } => break assert_eq!(message, "there"),
                Frame::Ack(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(begun.elapsed() < PATIENCE, "{:?}", server.stats());
        sleep(Duration::from_millis(20)).await;
    }
    // 5 ms, doubling: the eighth error comes after 635 ms, and not at once.
    assert!(begun.elapsed() >= Duration::from_millis(600), "it spins");
    assert_eq!(server.stats().accepted, 1);
    assert!(session.is_connected());

    // Descriptors are there again: the one that waited is served.
    drop(taken);
    let refused = async {
        // Not a registration: an answer at all is what there is to see.
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        waiting.write_all(&[0x7f, 0, 0, 0]).await.unwrap();
        waiting.read_u8().await
    };
    let first = timeout(PATIENCE, refused).await.expect("an answer");
    assert_eq!(first.unwrap(), 0x05, "REFUSE");
    assert_eq!(server.stats().accepted, 2);
}
