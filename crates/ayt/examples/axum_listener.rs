//! An axum server that no crowd of silent strangers can block.
//!
//! Run it:
//!
//! ```sh
//! cargo run -p ayt --features axum --example axum_listener
//! ```
//!
//! What to see: twenty strangers connect and say nothing. The listener lets five
//! of them wait and resets the others at once; the real client, which has spoken, is
//! served all the same; two seconds later the five are gone too, each with a cause. Then
//! the server stops, and waits for nobody.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "an example talks to its reader"
)]

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ayt::keepalive::Policy;
use ayt::listener::{Bounds, Listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn hello() -> &'static str {
    "are you there? yes.\n"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = Listener::bind("127.0.0.1:0")
        .await?
        .bounds(Bounds {
            total: 6,
            per_address: 5,
            age: Duration::from_secs(2),
        })
        // The kernel's keepalive finds peers whose cable was pulled, after two minutes;
        // the bare switch would take more than two hours.
        .keepalive(Policy::default());
    let (address, stopper) = (listener.local_addr()?, listener.stopper());
    println!("listening on {address}");

    // In place of a `TcpListener`; the first byte of a request ends being a stranger.
    let app = Router::new().route("/", get(hello));
    let stop = stopper.clone();
    let server = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move { stop.stopped().await })
            .await
    });

    let mut client = TcpStream::connect(address).await?;
    println!("client: {:?}", ask(&mut client, address).await?);

    let mut strangers = Vec::new();
    for number in 0..20 {
        // The reset may come before connecting has even returned.
        match TcpStream::connect(address).await {
            Ok(stranger) => strangers.push((number, stranger)),
            Err(error) => println!("stranger {number}: refused ({error})"),
        }
    }
    println!(
        "client, beside 20 strangers: {:?}",
        ask(&mut client, address).await?
    );
    println!("{:?}", stopper.stats());

    for (number, stranger) in &mut strangers {
        match stranger.read(&mut [0; 8]).await {
            Ok(_) => println!("stranger {number}: closed for not registering"),
            Err(error) => println!("stranger {number}: refused ({error})"),
        }
    }
    println!("client, after them: {:?}", ask(&mut client, address).await?);
    println!("{:?}", stopper.stats());

    drop(client);
    let ended = stopper.stop_within(Duration::from_secs(5)).await;
    server.await??;
    println!("stopped; {ended} connections had to be ended");
    Ok(())
}

/// One request over a kept connection; the last line of the answer.
async fn ask(client: &mut TcpStream, address: std::net::SocketAddr) -> std::io::Result<String> {
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
    client.write_all(request.as_bytes()).await?;
    let mut answer = [0; 1024];
    let length = client.read(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer[..length]);
    Ok(text.lines().last().unwrap_or_default().to_owned())
}
