//! Ends and errors, and what passes through.

use std::io::{ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

#[tokio::test(start_paused = true)]
async fn the_end_is_the_end_and_nothing_else_is() {
    let (mut stream, mut far) = pair(limit(30));
    // An empty read returns 0 and is not the end.
    far.write_all(&[0, 0]).await.unwrap();
    assert_eq!(stream.read(&mut []).await.unwrap(), 0);
    assert_eq!(stream.cause(), None);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 2);
    far.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(stream.cause(), Some(Cause::PeerClosed));
    // The other direction goes on, and silence is no matter any more.
    sleep(SECOND * 3600).await;
    stream.write_all(b"answer").await.unwrap();
    let mut heard = [0; 6];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"answer");
    assert_eq!((stream.bytes_received(), stream.bytes_sent()), (2, 6));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_read_loses_nothing() {
    let (mut stream, mut far) = pair(limit(3600));
    let sent: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let expected = sent.clone();
    let peer = tokio::spawn(async move {
        for (at, byte) in sent.chunks(7).enumerate() {
            far.write_all(byte).await.unwrap();
            sleep(Duration::from_micros(at as u64 % 2_500)).await;
        }
    });
    let mut got = Vec::new();
    let mut dropped = 0;
    while got.len() < expected.len() {
        let mut buffer = [0; 5];
        match timeout(Duration::from_millis(1), stream.read(&mut buffer)).await {
            Ok(read) => got.extend_from_slice(&buffer[..read.unwrap()]),
            Err(_) => dropped += 1,
        }
    }
    peer.await.unwrap();
    assert_eq!(got, expected);
    assert!(dropped > 100, "{dropped}");
}

/// A stream of scripted answers.
#[derive(Debug, Default)]
struct Script {
    reads: Mutex<Vec<io::Result<Vec<u8>>>>,
    vectored: bool,
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.reads.lock().unwrap().pop() {
            Some(Ok(bytes)) => {
                buffer.put_slice(&bytes);
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn vectored_writes_pass_through() {
    for vectored in [false, true] {
        let script = Script {
            vectored,
            ..Script::default()
        };
        let mut stream = Watched::new(script, Never);
        assert_eq!(stream.is_write_vectored(), vectored);
        let slices = [IoSlice::new(b"one"), IoSlice::new(b"three")];
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), 8);
        assert_eq!(stream.bytes_sent(), 8);
    }
}

#[tokio::test(start_paused = true)]
async fn the_kernels_error_keeps_its_kind_and_gets_its_cause() {
    for (kind, cause) in [
        (ErrorKind::ConnectionReset, Some(Cause::PeerReset)),
        (ErrorKind::HostUnreachable, Some(Cause::Unreachable)),
        (ErrorKind::UnexpectedEof, Some(Cause::Truncated)),
        (ErrorKind::InvalidData, Some(Cause::Failed)),
        (ErrorKind::Interrupted, None),
    ] {
        let script = Script::default();
        script.reads.lock().unwrap().push(Err(kind.into()));
        let mut stream = Watched::new(script, limit(30));
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(cause_in(&error), cause);
        assert_eq!(stream.cause(), cause);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watched_stream_inside_another_tells_its_own_cause() {
    let (near, _far) = duplex(64);
    let mut stream = Watched::new(Watched::new(near, limit(30)), limit(60));
    let error = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(cause_in(&error), Some(Cause::HeartbeatMissed));
    assert_eq!(stream.cause(), Some(Cause::HeartbeatMissed));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_was_closed_here() {
    let (stream, _far) = pair(limit(30));
    let handle = stream.handle();
    assert_eq!(handle.cause(), None);
    drop(stream);
    assert_eq!(handle.cause(), Some(Cause::LocalClose));
    assert!(!handle.end(Cause::Superseded), "too late");
    let (stream, _far) = pair(limit(30));
    let handle = stream.handle();
    let _bare: DuplexStream = stream.into_inner();
    assert_eq!(handle.cause(), Some(Cause::LocalClose));
}
