//! A transfer that survives a hundred cuts.
//!
//! Run it:
//!
//! ```sh
//! cargo run -p ayt --example hundred_cuts
//! ```
//!
//! What to see: a device sends 20 MB to a server, over a relay that breaks each of
//! its first hundred connections somewhere in the midst: some within the handshake,
//! some within a message, some on the way back. The device's own events tell of each
//! loss and of each return. At the end both sides have counted the same messages and
//! the same checksum: nothing was lost, repeated or overtaken, though the program that
//! sends does nothing about it.
//!
//! The pace is set to come back within milliseconds, so that it does not take long.
//! Leave it at its default between machines.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "an example talks to its reader"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ayt::session::client::Event;
use ayt::session::server::{Server, Session};
use ayt::session::{Client, Key};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CUTS: u64 = 100;
const MESSAGES: u64 = 2_000;
const LENGTH: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = Key::new(b"thirty-two random bytes, really!")?;
    let keys = HashMap::from([(Bytes::from("device"), key.clone())]);
    let server = Server::builder().keys(keys).bind("127.0.0.1:0").await?;
    let to = server.local_addr().ok_or("the server listens nowhere")?;
    let relay = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::builder("device")
        .key(key)
        .address(relay.local_addr()?.to_string())
        .pace(Duration::from_millis(10), Duration::from_millis(20))
        .start()?;
    let client = Arc::new(client);

    let relaying = tokio::spawn(relay_that_cuts(relay, to));
    let telling = tokio::spawn(tell(Arc::clone(&client)));
    let receiving = tokio::spawn(async move {
        let session = server.accept().await;
        // The server lives as long as it receives.
        match session {
            Some(session) => receive(session).await,
            None => (0, 0),
        }
    });

    let mut sum = 0;
    for n in 0..MESSAGES {
        let message = message(n);
        sum = checksum(sum, &message);
        client.send(message).await?;
    }
    let ended = client.close().await;
    let (came, sum_there) = receiving.await?;
    let losses = telling.await?;
    relaying.abort();

    println!("ended: {ended}");
    println!("losses:   {losses}");
    println!("sent:     {MESSAGES} messages, checksum {sum:016x}");
    println!("received: {came} messages, checksum {sum_there:016x}");
    assert_eq!((MESSAGES, sum), (came, sum_there));
    assert!(losses >= CUTS, "the transfer was over before the cuts were");
    Ok(())
}

/// Prints what happens, and counts the losses.
async fn tell(client: Arc<Client>) -> u64 {
    let mut losses = 0;
    while let Some(event) = client.event().await {
        if matches!(event, Event::Lost(_)) {
            losses += 1;
        }
        let acknowledged = client.state().numbers.acknowledged;
        println!("{acknowledged:>5} of {MESSAGES} there: {event}");
    }
    losses
}

async fn receive(mut session: Session) -> (u64, u64) {
    let (mut came, mut sum) = (0, 0);
    while let Some(message) = session.recv().await {
        came += 1;
        sum = checksum(sum, &message);
    }
    (came, sum)
}

/// Passes bytes on, and breaks each of the first hundred connections after some of
/// them.
async fn relay_that_cuts(relay: TcpListener, to: SocketAddr) -> std::io::Result<()> {
    let mut seed = 1u64;
    for connection in 0.. {
        let (near, _) = relay.accept().await?;
        let far = TcpStream::connect(to).await?;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let some = match connection {
            0..CUTS => (seed >> 33) % [200, 2_000, 300_000][(seed >> 20) as usize % 3],
            _ => u64::MAX,
        };
        let (near_reads, near_writes) = near.into_split();
        let (far_reads, far_writes) = far.into_split();
        // One direction breaks; with it both connections are closed.
        tokio::spawn(async move {
            let (up, down) = match connection % 2 {
                0 => (some, u64::MAX),
                // Little comes back: the handshake, and an acknowledgement now and then.
                _ => (u64::MAX, 50 + some % 100),
            };
            tokio::select! {
                _ = pass(near_reads, far_writes, up) => {}
                _ = pass(far_reads, near_writes, down) => {}
            }
        });
    }
    Ok(())
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut bytes: u64,
) -> std::io::Result<()> {
    let mut buffer = [0; 4_096];
    while bytes > 0 {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            to.shutdown().await?;
            // The other direction goes on.
            return std::future::pending().await;
        }
        let part = read.min(usize::try_from(bytes).unwrap_or(read));
        to.write_all(&buffer[..part]).await?;
        bytes -= part as u64;
    }
    Ok(())
}

fn message(n: u64) -> Bytes {
    n.to_be_bytes()
        .iter()
        .copied()
        .cycle()
        .take(LENGTH)
        .collect()
}

/// Depends on the order of the messages, too (FNV-1a).
fn checksum(sum: u64, message: &[u8]) -> u64 {
    message
        .iter()
        .fold(sum ^ 0xcbf2_9ce4_8422_2325, |sum, &byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
