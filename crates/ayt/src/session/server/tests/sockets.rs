//! Over real sockets on loopback, with several threads.

use std::sync::Arc;

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::Frame;
use ayt_core::session::handshake::{Client as Handshake, ClientStep, Purpose};
use tokio::net::TcpStream;

use super::*;
use crate::session::driver::Clock;
use crate::session::wire::{read_frame, write_frame};

/// Registers and says nothing more; gives the epoch and the stream.
async fn register(device: &Device, server: &Server) -> (u64, TcpStream, Decoder) {
    let mut io = TcpStream::connect(server.local_addr().unwrap())
        .await
        .unwrap();
    let clock = Clock::start();
    let mut decoder = Decoder::new();
    let nonce = shared::random().unwrap();
    let (mut handshake, hello) = Handshake::start(
        &device.settings,
        device.credential.clone(),
        Purpose::Register,
        nonce,
        clock.now(),
    )
    .unwrap();
    write_frame(&mut io, &hello).await.unwrap();
    loop {
        let frame = read_frame(&mut io, &mut decoder).await.unwrap();
        match handshake.on_frame(&frame, clock.now()).unwrap() {
            ClientStep::Send(frame) => write_frame(&mut io, &frame).await.unwrap(),
            ClientStep::Registered(welcome) => return (welcome.epoch, io, decoder),
            ClientStep::Refused(refuse) => panic!("{refuse:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_takeovers_leaves_the_largest_epoch() {
    let builder = Server::builder().keys(keys()).limits(Limits {
        unregistered_per_address: 1_000,
        ..limits()
    });
    let server = Arc::new(builder.bind("127.0.0.1:0").await.unwrap());
    let accepting = {
        let server = server.clone();
        tokio::spawn(async move {
            while let Some(mut session) = server.accept().await {
                tokio::spawn(async move { while session.recv().await.is_some() {} });
            }
        })
    };
    let mut storm = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let server = server.clone();
        storm.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..50 {
                let (epoch, mut io, _decoder) = register(&Device::a(), &server).await;
                let message = Frame::Data {
                    seq: 1,
                    message: Bytes::from_static(b"in flight"),
                };
                let _ = write_frame(&mut io, &message).await;
                mine.push((epoch, io));
            }
            mine
        });
    }
    let mut all: Vec<_> = storm.join_all().await.into_iter().flatten().collect();
    all.sort_by_key(|(epoch, _)| *epoch);
    assert!(
        all.windows(2).all(|two| two[0].0 < two[1].0),
        "epochs are unique"
    );
    let largest = all.last().map(|(epoch, _)| *epoch).unwrap();
    let live = server
        .shared
        .book(|book, _| book.registry.current(b"a").map(|now| (now.0, now.1)));
    assert_eq!(live, Some((largest, true)));
    drop(all);
    // Each drained connection is closed when its client has closed.
    let deadline = tokio::time::Instant::now() + 60 * S;
    while server.stats().now.connections > 0 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{:?}",
            server.stats()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stats = server.stats();
    assert_eq!((stats.registered, stats.accepted), (400, 400));
    server.shutdown(S).await;
    accepting.await.unwrap();
    assert_eq!(server.stats().now, Now::default());
}
