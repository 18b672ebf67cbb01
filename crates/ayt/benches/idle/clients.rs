//! The process at the other end.

use std::net::SocketAddr;

use ayt::session::Client;
use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Contender, tell, until_the_end};

/// So many connect at a time.
const ABREAST: usize = 64;
const MESSAGE: &[u8] = b"are you there? 21.5 degrees, and all is well so far";

pub(super) fn run(which: Contender, count: usize, to: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        match which {
            Contender::Session | Contender::Served => hold(count, |at| session(at, to)).await,
            Contender::Waiting | Contender::Reading => hold(count, |_| bare(to)).await,
        }
    });
}

async fn hold<T, F: Future<Output = T>>(count: usize, make: impl Fn(usize) -> F) {
    let held: Vec<T> = stream::iter((0..count).map(make))
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    tell("all there");
    until_the_end().await;
    drop(held);
}

async fn session(at: usize, to: SocketAddr) -> Client {
    let client = Client::builder(format!("device-{at}"))
        .without_authentication()
        .address(to.to_string())
        .start()
        .unwrap();
    client.send(MESSAGE).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), MESSAGE);
    client.done();
    client
}

async fn bare(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(MESSAGE).await.unwrap();
    let mut back = [0; MESSAGE.len()];
    stream.read_exact(&mut back).await.unwrap();
    stream
}
