//! Length and payload, by tokio's own codec: framing without anything else.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::stopwatch::Stopwatch;
use crate::{Done, Job};

fn codec(stream: TcpStream) -> Framed<TcpStream, LengthDelimitedCodec> {
    stream.set_nodelay(true).unwrap();
    Framed::new(stream, LengthDelimitedCodec::new())
}

pub(super) async fn serve(tell: Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tell.send(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (mut sink, mut messages) = codec(stream).split();
    while let Some(message) = messages.next().await {
        let message = message.unwrap().freeze();
        sink.send(message).await.unwrap();
    }
}

pub(super) async fn client(to: SocketAddr, job: Job) -> Done {
    let mut framed = codec(TcpStream::connect(to).await.unwrap());
    match job {
        Job::Stream { length, messages } => {
            let (mut sink, mut back) = framed.split();
            let watch = Stopwatch::start();
            let sending = tokio::spawn(async move {
                let message = Bytes::from(vec![7; length]);
                for _ in 0..messages {
                    sink.feed(message.clone()).await.unwrap();
                }
                sink.flush().await.unwrap();
                sink
            });
            for _ in 0..messages {
                let message = back.next().await.unwrap().unwrap();
                assert_eq!(message.len(), length);
            }
            let wall = watch.elapsed();
            drop(sending.await.unwrap());
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
                framed.send(message.clone()).await.unwrap();
                let back = framed.next().await.unwrap().unwrap();
                assert_eq!(back.len(), length);
                times.push(each.elapsed());
            }
            Done {
                wall: watch.elapsed(),
                times,
            }
        }
    }
}
