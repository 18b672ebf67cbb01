//! A pool that never hands out a dead connection, beside one that does.
//!
//! Run it:
//!
//! ```sh
//! cargo run -p ayt --features bb8 --example pool
//! ```
//!
//! What to see: the server closes each connection after ten milliseconds without
//! a request, as servers do after a minute or so, and the client asks at random
//! distances around that. The plain pool fails every few requests; the checked one
//! does not, and still uses connections again: it looks before it hands out, and
//! leaves alone what the server is about to close.
//!
//! A server that vanished behind a pulled cable is found as well, by asking its
//! kernel; that takes a network that can be broken, and is shown by the test
//! `a_pulled_cable_shows_only_when_the_kernel_is_asked`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "an example talks to its reader"
)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ayt::connect::Connector;
use ayt::pool::{Check, Manager};
use ayt::watched::Watched;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const REQUESTS: u32 = 300;
const SERVERS_PATIENCE: Duration = Duration::from_millis(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let made = Arc::new(AtomicU32::new(0));
    tokio::spawn(serve(listener, Arc::clone(&made)));

    // Without a check: it takes what it has.
    let mut resting: Option<Watched<TcpStream>> = None;
    let mut failed = 0;
    for distance in distances() {
        let mut stream = match resting.take() {
            Some(stream) => stream,
            None => Connector::new().connect(&address).await?,
        };
        match ask(&mut stream).await {
            Ok(()) => resting = Some(stream),
            Err(error) => {
                failed += 1;
                if failed == 1 {
                    println!("plain pool, first failure: {error}");
                }
            }
        }
        sleep(distance).await;
    }
    let connections = made.swap(0, Ordering::Relaxed);
    println!("plain pool:   {failed} of {REQUESTS} requests failed, {connections} connections");

    // With one.
    let connect = move || {
        let address = address.clone();
        async move { Connector::new().connect(&address).await }
    };
    let check = Check {
        // Less than the server's patience, by more than a request is under way.
        max_idle: Some(SERVERS_PATIENCE / 2),
        ..Check::default()
    };
    let manager = Manager::new(connect, check);
    let pool = bb8::Pool::builder().max_size(1).build(manager).await?;
    let mut failed = 0;
    for distance in distances() {
        let mut stream = pool.get().await?;
        if let Err(error) = ask(&mut stream).await {
            failed += 1;
            println!("checked pool, failure: {error}");
        }
        drop(stream);
        sleep(distance).await;
    }
    let connections = made.load(Ordering::Relaxed);
    println!("checked pool: {failed} of {REQUESTS} requests failed, {connections} connections");
    Ok(())
}

/// Distances around the server's patience, the same in each run.
fn distances() -> impl Iterator<Item = Duration> {
    (0..REQUESTS).map(|n| Duration::from_millis(u64::from(n * 7919 % 20)))
}

async fn ask(stream: &mut Watched<TcpStream>) -> io::Result<()> {
    stream.write_all(b"?").await?;
    stream.read_u8().await.map(drop)
}

async fn serve(listener: TcpListener, made: Arc<AtomicU32>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        made.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            while let Ok(Ok(_)) = timeout(SERVERS_PATIENCE, stream.read_u8()).await {
                if stream.write_u8(b'!').await.is_err() {
                    return;
                }
            }
        });
    }
}
