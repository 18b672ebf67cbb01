//! The client and the server of this crate, together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ayt_core::session::frame::Reason;
use ayt_core::session::reconnect::Stop;
use tokio::io::duplex;

use super::super::Stopped;
use super::cut::{Cut, Dice};
use super::cuts::{PLACES, message};
use super::*;
use crate::session::server;

const CUTS: usize = 1_000;

fn real() -> Arc<server::Server> {
    let keys = HashMap::from([(Bytes::from("device"), Key::new(KEY).unwrap())]);
    Arc::new(server::Server::builder().keys(keys).start().unwrap())
}

/// A client whose first `cuts` connections break somewhere.
fn joined(server: &Arc<server::Server>, seed: u64, cuts: usize) -> (Builder, Arc<AtomicUsize>) {
    let (made, dice) = (Arc::<AtomicUsize>::default(), Mutex::new(Dice(seed)));
    let (count, server) = (Arc::clone(&made), Arc::clone(server));
    let mut builder = Client::builder("device")
        .key(Key::new(KEY).unwrap())
        .pace(MS(10), MS(10))
        .connector(move || {
            let [a, b, c, d] = if count.fetch_add(1, Ordering::Relaxed) < cuts {
                dice.lock().unwrap().bytes(PLACES)
            } else {
                [usize::MAX; 4]
            };
            let (near, far) = duplex(16 * 1024);
            let peer = "192.0.2.1:7".parse().unwrap();
            let taken = server.serve_connection(Cut::new(far, c, d), peer);
            std::future::ready(if taken {
                Ok(Cut::new(near, a, b))
            } else {
                Err(std::io::ErrorKind::ConnectionReset.into())
            })
        });
    builder.random = Random::Seeded(AtomicU64::new(seed));
    (builder, made)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_cuts_lose_repeat_and_reorder_nothing() {
    transfer(1, CUTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_do_two_hundred_on_several_threads() {
    transfer(2, 200).await;
}

async fn transfer(seed: u64, cuts: usize) {
    let server = real();
    let (builder, made) = joined(&server, seed, cuts);
    let client = builder.start().unwrap();
    let over = || made.load(Ordering::Relaxed) > cuts;
    let near_sends = async {
        let mut n = 0;
        while !over() {
            client.send(message(n, 7_919)).await.unwrap();
            n += 1;
        }
        client.send("end").await.unwrap();
        n
    };
    let near_takes = async {
        let mut n = 0;
        while let Some(came) = client.recv().await {
            if came == "end" {
                client.done();
                break;
            }
            assert_eq!(came, message(n, 104_729), "{n} at the client");
            n += 1;
        }
        n
    };
    let far = async {
        let session = server.accept().await.unwrap();
        let (sender, mut receiver) = session.split();
        let sends = async {
            let mut n = 0;
            while !over() {
                sender.send(message(n, 104_729)).await.unwrap();
                n += 1;
            }
            sender.send("end").await.unwrap();
            n
        };
        let takes = async {
            let mut n = 0;
            while let Some(came) = receiver.recv().await {
                if came == "end" {
                    receiver.done();
                    break;
                }
                assert_eq!(came, message(n, 7_919), "{n} at the server");
                n += 1;
            }
            n
        };
        let numbers = tokio::join!(sends, takes);
        (numbers, sender, receiver)
    };
    let watch = async {
        loop {
            match client.event().await {
                Some(Event::NotResumed { .. }) => panic!("a session was lost"),
                Some(_) => {}
                None => break,
            }
        }
    };
    let all = async {
        let (up, came_down, ((down, came_up), sender, receiver)) =
            tokio::join!(near_sends, near_takes, far);
        assert_eq!((up, down), (came_up, came_down));
        assert!(up > 0 && down > 0);
        assert!(client.close().await.is_clean());
        drop((sender, receiver));
    };
    tokio::join!(all, watch);
}

#[tokio::test(start_paused = true)]
async fn the_newer_of_two_devices_stays_and_the_older_stops() {
    let server = real();
    let older = joined(&server, 1, 0).0.start().unwrap();
    older.registered().await.unwrap();
    let first = server.accept().await.unwrap();
    let newer = joined(&server, 2, 0).0.start().unwrap();
    newer.registered().await.unwrap();
    let second = server.accept().await.unwrap();
    assert_eq!(
        older.ended().await.stopped,
        Stopped::Server(Stop::Superseded)
    );
    assert_eq!(first.ended().await.reason, Some(Reason::Superseded));
    newer.send("here").await.unwrap();
    let (_, mut receiver) = second.split();
    assert_eq!(receiver.recv().await.unwrap(), "here");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_stops_the_client() {
    let server = real();
    let (builder, made) = joined(&server, 1, 0);
    let client = builder.key(Key::new(&[1; 32]).unwrap()).start().unwrap();
    let ended = client.registered().await.unwrap_err();
    assert_eq!(ended.stopped, Stopped::Server(Stop::NotAuthorised));
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_spare_stands_beside_the_session() {
    let server = real();
    let client = joined(&server, 1, 0).0.start().unwrap();
    client.registered().await.unwrap();
    let mut spare = client.spare().await.unwrap();
    let silence = spare.silence(S(300)).await;
    assert_eq!(silence, Ok(super::super::Silence::Spoken));
    assert!(client.answers().await);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_tells_the_client_when_to_come_back() {
    let server = real();
    let client = joined(&server, 1, 0).0.start().unwrap();
    client.registered().await.unwrap();
    let _session = server.accept().await.unwrap();
    let waited = async {
        event(&client, |event| match event {
            Event::Waiting(wait) => Some(wait),
            _ => None,
        })
        .await
    };
    let (wait, ()) = tokio::join!(waited, server.shutdown(S(90)));
    // The server spreads its hints by some seconds of its own.
    let most = S(90) + server::Limits::default().retry_spread + MS(10);
    assert!(wait >= S(90) && wait <= most, "{wait:?}");
}

#[tokio::test]
async fn over_tcp_and_by_name() {
    let server = server::Server::builder()
        .without_authentication()
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let port = server.local_addr().unwrap().port();
    let client = Client::builder("device")
        .without_authentication()
        .address(format!("localhost:{port}"))
        .start()
        .unwrap();
    client.send("hello").await.unwrap();
    let mut session = server.accept().await.unwrap();
    assert_eq!(session.recv().await.unwrap(), "hello");
    session.send("hello yourself").await.unwrap();
    session.done();
    assert_eq!(client.recv().await.unwrap(), "hello yourself");
    assert!(client.close().await.is_clean());
}
