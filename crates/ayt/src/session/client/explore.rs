//! A client's calls against its task, with the real server at the other end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use shuttle::future::JoinHandle;

use super::random::Random;
use super::{Client, SendError};
use crate::explore::{Line, Scissors, advance, block_on, explore, spawn, yield_now};
use crate::session::server::{Limits, Server};

fn server() -> Arc<Server> {
    let limits = Limits {
        ack_delay: Duration::ZERO,
        ..Limits::default()
    };
    let builder = Server::builder().without_authentication().limits(limits);
    Arc::new(builder.start().unwrap())
}

/// A client, and what cuts its first connection.
fn client(server: &Arc<Server>) -> (Client, Scissors) {
    let (here, there, scissors) = Line::pair(4_096);
    let peer = SocketAddr::from(([192, 0, 2, 1], 1));
    assert!(server.serve_connection(there, peer));
    let first = std::sync::Mutex::new(Some(here));
    let server = server.clone();
    let mut builder = Client::builder("device")
        .without_authentication()
        .connector(move || {
            let line = first.lock().unwrap().take().unwrap_or_else(|| {
                let (here, there, _) = Line::pair(4_096);
                server.serve_connection(there, peer);
                here
            });
            std::future::ready(Ok(line))
        });
    builder.random = Random::Seeded(AtomicU64::new(1));
    (builder.start().unwrap(), scissors)
}

/// What the server's program got, session by session.
fn serve(server: &Arc<Server>) -> JoinHandle<Vec<u8>> {
    let server = server.clone();
    spawn(async move {
        let mut taken = Vec::new();
        while let Some(mut session) = server.accept().await {
            let _ = session.try_send(&b"hello"[..]);
            while let Some(message) = session.recv().await {
                taken.push(message[0]);
            }
        }
        taken
    })
}

/// Lets time go until it is done.
async fn until_done<T>(task: JoinHandle<T>) -> T {
    while !task.is_finished() {
        advance(Duration::from_millis(20));
        yield_now().await;
    }
    task.await.unwrap()
}

/// Sends, receives, is cut, and ended by `end`, all at once. The numbers that were
/// taken to be sent, and those that the server got.
fn life(
    end: impl Future<Output = ()> + Send + 'static,
    client: &Arc<Client>,
    scissors: Scissors,
    server: Arc<Server>,
) -> (Vec<u8>, Vec<u8>) {
    let program = serve(&server);
    let sending = {
        let client = client.clone();
        spawn(async move {
            let mut taken = Vec::new();
            for n in 0..3u8 {
                match client.send(vec![n]).await {
                    Ok(()) => taken.push(n),
                    Err(SendError::Over(_) | SendError::Offer(_)) => break,
                }
            }
            taken
        })
    };
    let receiving = {
        let client = client.clone();
        spawn(async move { while client.recv().await.is_some() {} })
    };
    let cutting = spawn(async move { scissors.cut() });
    let ending = spawn(end);
    block_on(async {
        until_done(ending).await;
        let taken = until_done(sending).await;
        until_done(receiving).await;
        until_done(cutting).await;
        let closing = server.clone();
        until_done(spawn(async move { closing.shutdown(Duration::ZERO).await })).await;
        (taken, until_done(program).await)
    })
}

#[test]
fn a_close_at_any_moment_delivers_what_was_taken() {
    explore(1_000, || {
        let server = server();
        let (client, scissors) = client(&server);
        let client = Arc::new(client);
        let closing = client.clone();
        let end = async move {
            assert!(closing.close().await.is_clean());
        };
        let (taken, got) = life(end, &client, scissors, server);
        assert_eq!(got, taken);
        assert!(client.take_undelivered().is_empty());
    });
}

#[test]
fn a_cut_at_any_moment_keeps_no_message_back() {
    explore(1_000, || {
        let server = server();
        let (client, scissors) = client(&server);
        let client = Arc::new(client);
        let closing = client.clone();
        let end = async move {
            // Not before the server's message is there.
            while closing.state().numbers.handed_over == 0 {
                yield_now().await;
            }
            closing.close().await;
        };
        let (taken, got) = life(end, &client, scissors, server);
        assert_eq!(got, taken);
    });
}

#[test]
fn an_abort_at_any_moment_accounts_for_every_message() {
    explore(1_000, || {
        let server = server();
        let (client, scissors) = client(&server);
        let client = Arc::new(client);
        let aborting = client.clone();
        let end = async move {
            aborting.abort();
            aborting.ended().await;
        };
        let (taken, got) = life(end, &client, scissors, server);
        assert!(got.is_sorted_by(|a, b| a < b), "{got:?}");
        let left = client.take_undelivered();
        let mut left = left.iter().flat_map(|lost| &lost.messages).map(|m| m[0]);
        for n in taken {
            assert!(got.contains(&n) || left.any(|m| m == n), "{n} is gone");
        }
    });
}
