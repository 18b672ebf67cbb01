//! Bytes as they come: the least that an echo can cost on tokio.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::stopwatch::Stopwatch;
use crate::{Done, Job, LARGE};

pub(super) async fn serve(tell: Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tell.send(listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; LARGE];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            return;
        }
        stream.write_all(&buffer[..read]).await.unwrap();
    }
}

pub(super) async fn client(to: SocketAddr, job: Job) -> Done {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    match job {
        Job::Stream { length, messages } => {
            let (mut reader, mut writer) = stream.into_split();
            let watch = Stopwatch::start();
            let sending = tokio::spawn(async move {
                let message = vec![7; length];
                for _ in 0..messages {
                    writer.write_all(&message).await.unwrap();
                }
                writer
            });
            let mut message = vec![0; length];
            for _ in 0..messages {
                reader.read_exact(&mut message).await.unwrap();
            }
            let wall = watch.elapsed();
            drop(sending.await.unwrap());
            Done {
                wall,
                times: Vec::new(),
            }
        }
        Job::PingPong { length, messages } => {
            let mut message = vec![7; length];
            let mut times = Vec::with_capacity(messages);
            let watch = Stopwatch::start();
            for _ in 0..messages {
                let each = Stopwatch::start();
                stream.write_all(&message).await.unwrap();
                stream.read_exact(&mut message).await.unwrap();
                times.push(each.elapsed());
            }
            Done {
                wall: watch.elapsed(),
                times,
            }
        }
    }
}
