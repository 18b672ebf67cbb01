//! A session: framed, numbered, acknowledged after hand-over, kept for replay.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use ayt::session::server::Server;
use ayt::session::{Client, Key};
use bytes::Bytes;

use crate::stopwatch::Stopwatch;
use crate::{Done, Job};

fn key() -> Key {
    Key::new(&[7; 32]).unwrap()
}

pub(super) async fn serve(tell: Sender<SocketAddr>) {
    let keys = HashMap::from([(Bytes::from("bench"), key())]);
    let server = Server::builder()
        .keys(keys)
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    tell.send(server.local_addr().unwrap()).unwrap();
    let mut session = server.accept().await.unwrap();
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            return;
        }
    }
}

pub(super) async fn client(to: SocketAddr, job: Job) -> Done {
    let client = Client::builder("bench")
        .key(key())
        .address(to.to_string())
        .start()
        .unwrap();
    client.registered().await.unwrap();
    let client = Arc::new(client);
    let done = match job {
        Job::Stream { length, messages } => {
            let watch = Stopwatch::start();
            let sender = Arc::clone(&client);
            let sending = tokio::spawn(async move {
                let message = Bytes::from(vec![7; length]);
                for _ in 0..messages {
                    sender.send(message.clone()).await.unwrap();
                }
            });
            for _ in 0..messages {
                let message = client.recv().await.unwrap();
                assert_eq!(message.len(), length);
            }
            let wall = watch.elapsed();
            sending.await.unwrap();
            Done {
                wall,
                times: Vec::new(),
            }
        }
        Job::PingPong { length, messages } => {
            let message = Bytes::from(vec![7; length]);
            let mut times = Vec::with_capacity(messages);
            let watch = Stopwatch::start();
            for _ in 0..messages {
                let each = Stopwatch::start();
                client.send(message.clone()).await.unwrap();
                let back = client.recv().await.unwrap();
                assert_eq!(back.len(), length);
                times.push(each.elapsed());
            }
            Done {
                wall: watch.elapsed(),
                times,
            }
        }
    };
    client.close().await;
    done
}
