//! Server and client over streams in memory, in paused time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ayt::cause::Cause;
use ayt::session::client::{Client, Status};
use ayt::session::server::{Limits, Server, Session, SessionEvent};
use tokio::time::{sleep, timeout};

use super::{MOST, up_to};

const MS: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(3_600);

fn server() -> Arc<Server> {
    let limits = Limits {
        // Room for a few messages, so that senders wait.
        replay_bound: 4_096,
        unregistered_per_address: 1_000,
        takeovers: 1_000,
        ..Limits::default()
    };
    let builder = Server::builder().without_authentication().limits(limits);
    Arc::new(builder.start().unwrap())
}

fn client(server: &Arc<Server>) -> Client {
    let server = server.clone();
    Client::builder("device")
        .without_authentication()
        .replay_bound(4_096)
        .connector(move || {
            let (here, there) = tokio::io::duplex(1_024);
            server.serve_connection(there, SocketAddr::from(([192, 0, 2, 1], 1)));
            std::future::ready(Ok(here))
        })
        .start()
        .unwrap()
}

async fn joined() -> (Arc<Server>, Client, Session) {
    let server = server();
    let client = client(&server);
    let session = server.accept().await.unwrap();
    client.registered().await.unwrap();
    (server, client, session)
}

/// Calls again until it is ready.
async fn until_ready<T, F: Future<Output = T>>(polls: usize, mut call: impl FnMut() -> F) -> T {
    loop {
        if let Some(done) = up_to(polls, call()).await {
            return done;
        }
        sleep(MS).await;
    }
}

fn message(n: u32) -> Vec<u8> {
    let mut message = n.to_be_bytes().to_vec();
    message.resize(1_000, 0);
    message
}

fn number(message: &[u8]) -> u32 {
    u32::from_be_bytes(message[..4].try_into().unwrap())
}

#[tokio::test(start_paused = true)]
async fn messages_are_sent_and_received_once_and_in_order() {
    for polls in 1..=MOST {
        let (_server, client, session) = joined().await;
        let (sender, mut receiver) = session.split();
        let up = async {
            for n in 0..30 {
                until_ready(polls, || client.send(message(n)))
                    .await
                    .unwrap();
                assert_eq!(client.state().numbers.accepted, u64::from(n) + 1);
            }
        };
        let down = async {
            for n in 0..30 {
                until_ready(polls, || sender.send(message(n)))
                    .await
                    .unwrap();
            }
        };
        let at_client = async {
            for n in 0..30 {
                let came = until_ready(polls, || client.recv()).await.unwrap();
                assert_eq!(number(&came), n);
            }
            client.done();
        };
        let at_server = async {
            for n in 0..30 {
                let came = loop {
                    if let Some(came) = up_to(polls, receiver.recv()).await {
                        break came.unwrap();
                    }
                    sleep(MS).await;
                };
                assert_eq!(number(&came), n);
            }
            receiver.done();
        };
        tokio::join!(up, down, at_client, at_server);
        assert!(client.close().await.is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_receive_acknowledges_nothing_that_was_not_handed_over() {
    for polls in 1..=MOST {
        let (_server, client, mut session) = joined().await;
        client.send("one").await.unwrap();
        assert_eq!(session.recv().await.unwrap(), "one");
        // Asking says that the one before is done with, and no more than that.
        assert_eq!(
            timeout(MS, up_to(polls, session.recv()))
                .await
                .ok()
                .flatten(),
            None
        );
        client.send("two").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(client.state().numbers.acknowledged, 1);
        assert_eq!(session.recv().await.unwrap(), "two");
    }
}

#[tokio::test(start_paused = true)]
async fn no_session_and_no_event_is_lost() {
    let server = server();
    for polls in 1..=MOST {
        let client = client(&server);
        let session = until_ready(polls, || server.accept()).await.unwrap();
        until_ready(polls, || client.registered()).await.unwrap();
        let answers = until_ready(MOST + polls, || client.answers());
        assert!(timeout(PATIENCE, answers).await.unwrap());
        let first = until_ready(polls, || session.next_event()).await.unwrap();
        assert!(matches!(first, SessionEvent::Connected { .. }), "{first:?}");
        client.close().await;
        while until_ready(polls, || client.event()).await.is_some() {}
        assert_eq!(client.state().status, Status::Stopped);
        session.close().await;
        let mut last = first;
        while let Some(event) = until_ready(polls, || session.next_event()).await {
            last = event;
        }
        assert!(matches!(last, SessionEvent::Ended { .. }), "{last:?}");
    }
    assert_eq!(server.stats().registered, MOST as u64);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_dropped_goes_on_and_delivers() {
    for polls in 1..=MOST {
        let (_server, client, mut session) = joined().await;
        client.send("last words").await.unwrap();
        let _ = timeout(MS, up_to(polls, client.close())).await;
        assert!(client.try_send("no more").is_err());
        assert_eq!(session.recv().await.unwrap(), "last words");
        assert_eq!(session.recv().await, None);
        let _ = up_to(polls, client.ended()).await;
        assert!(client.ended().await.is_clean());

        let (_server, client, session) = joined().await;
        let (sender, _receiver) = session.split();
        sender.send("last words").await.unwrap();
        let _ = timeout(MS, up_to(polls, sender.close())).await;
        assert!(sender.send("no more").await.is_err());
        assert_eq!(client.recv().await.unwrap(), "last words");
        assert_eq!(client.recv().await, None);
        let _ = up_to(polls, sender.ended()).await;
        let end = timeout(PATIENCE, sender.ended()).await.unwrap();
        assert_eq!(
            (end.cause, end.numbers.unacknowledged()),
            (Cause::LocalClose, 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_is_dropped_goes_on_and_can_be_awaited_again() {
    for polls in 1..=MOST {
        let (server, client, mut session) = joined().await;
        client.send("in flight").await.unwrap();
        let _ = timeout(MS, up_to(polls, server.shutdown(PATIENCE))).await;
        assert!(server.accept().await.is_none());
        let again = server.shutdown(Duration::ZERO);
        let taken = async { session.recv().await.unwrap() };
        let ((), taken) = tokio::join!(again, taken);
        assert_eq!(taken, "in flight");
        assert_eq!(session.recv().await, None);
        let stats = server.stats();
        assert_eq!((stats.now.connections, stats.now.tasks), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspend_that_is_dropped_ends_the_client_and_a_session_waits() {
    for polls in 1..=MOST {
        let (server, client, session) = joined().await;
        let saved = timeout(PATIENCE, up_to(polls, client.suspend()))
            .await
            .unwrap();
        if polls > 2 {
            assert!(saved.flatten().is_some(), "it takes two polls");
        }
        while session.is_connected() {
            sleep(MS).await;
        }
        while server.stats().now.parked == 0 {
            sleep(MS).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_is_dropped_leaves_no_connection() {
    for polls in 1..=2 * MOST {
        let (server, client, session) = joined().await;
        let spare = timeout(PATIENCE, up_to(polls, client.spare()))
            .await
            .unwrap();
        if let Some(spare) = spare {
            let mut spare = spare.unwrap();
            let silence = Duration::from_millis(50);
            let _ = up_to(polls, spare.silence(silence)).await;
        }
        while server.stats().now.spares + server.stats().now.unregistered > 0 {
            sleep(MS).await;
        }
        assert!(session.is_connected());
    }
}
