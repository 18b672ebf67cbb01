//! The process that holds the connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ayt::session::server::{Limits, Server, Session};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::resident::resident;
use crate::{Contender, tell, until_the_end};

/// The longest silence of the server.
const BEAT: Duration = Duration::from_secs(2);
/// Time for each to send a heartbeat, and for freed memory to go back.
const SETTLE: Duration = Duration::from_secs(5);

/// Sessions that have had their message.
type Count = Arc<AtomicUsize>;
/// Sessions that the program keeps.
type Kept = Arc<Mutex<Vec<Session>>>;

pub(super) fn run(which: Contender, connections: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let served = Count::default();
        match which {
            Contender::Session | Contender::Served => {
                let mut limits = Limits {
                    unregistered_per_address: 1_000,
                    ..Limits::default()
                };
                // An idle session is one that has been idle for a beat.
                (limits.server_beat.default, limits.server_beat.ceiling) = (BEAT, BEAT);
                let server = Server::builder()
                    .without_authentication()
                    .limits(limits)
                    .bind("127.0.0.1:0")
                    .await
                    .unwrap();
                tell(&server.local_addr().unwrap().to_string());
                begin().await;
                let server = Arc::new(server);
                let accepting = Arc::clone(&server);
                let count = Arc::clone(&served);
                let kept = Kept::default();
                tokio::spawn(async move {
                    while let Some(session) = accepting.accept().await {
                        let count = Arc::clone(&count);
                        if which == Contender::Served {
                            tokio::spawn(echo(session, count));
                        } else {
                            tokio::spawn(keep(session, Arc::clone(&kept), count));
                        }
                    }
                });
                finish(&served, connections, || {
                    let stats = server.stats();
                    assert_eq!(stats.now.connections, connections, "{stats:?}");
                })
                .await;
            }
            Contender::Waiting | Contender::Reading => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell(&listener.local_addr().unwrap().to_string());
                begin().await;
                let count = Arc::clone(&served);
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let count = Arc::clone(&count);
                        if which == Contender::Reading {
                            tokio::spawn(reading(stream, count));
                        } else {
                            tokio::spawn(waiting(stream, count));
                        }
                    }
                });
                finish(&served, connections, || {}).await;
            }
        }
    });
}

async fn begin() {
    tokio::time::sleep(Duration::from_millis(200)).await;
    tell(&resident().unwrap().to_string());
}

async fn finish(served: &Count, connections: usize, check: impl FnOnce()) {
    while served.load(Ordering::Relaxed) < connections {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(SETTLE).await;
    check();
    tell(&resident().unwrap().to_string());
    until_the_end().await;
}

/// Answers once; then nobody waits for it.
async fn keep(mut session: Session, kept: Kept, count: Count) {
    if let Some(message) = session.recv().await
        && session.send(message).await.is_ok()
    {
        session.done();
        kept.lock().unwrap().push(session);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

async fn echo(mut session: Session, count: Count) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            return;
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

async fn reading(mut stream: TcpStream, count: Count) {
    let mut buffer = [0; 1_024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        stream.write_all(&buffer[..read]).await.unwrap();
        count.fetch_add(1, Ordering::Relaxed);
    }
}

async fn waiting(mut stream: TcpStream, count: Count) {
    while stream.readable().await.is_ok() {
        if !answer(&mut stream) {
            return;
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Not a future: its buffer is nobody's for long.
fn answer(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1_024];
    match stream.try_read(&mut buffer) {
        Ok(0) => false,
        Ok(read) => stream.try_write(&buffer[..read]).is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}
