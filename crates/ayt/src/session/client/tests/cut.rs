//! A transport that breaks after so many bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Breaks, in the midst of whatever goes over it, after so many bytes in one of
/// both directions.
pub(super) struct Cut {
    io: DuplexStream,
    reads: usize,
    writes: usize,
}

impl Cut {
    pub(super) fn new(io: DuplexStream, reads: usize, writes: usize) -> Self {
        Self { io, reads, writes }
    }

    pub(super) fn never(io: DuplexStream) -> Self {
        Self::new(io, usize::MAX, usize::MAX)
    }
}

fn broken<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reads == 0 {
            return broken();
        }
        let mut part = buffer.take(self.reads);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        let read = part.filled().len();
        // `part` has initialized what it filled, and is the front of `buffer`.
        let bytes = part.filled().to_vec();
        buffer.put_slice(&bytes);
        self.reads -= read;
        polled
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.writes == 0 {
            return broken();
        }
        let most = bytes.len().min(self.writes);
        let polled = Pin::new(&mut self.io).poll_write(cx, &bytes[..most]);
        if let Poll::Ready(Ok(written)) = &polled {
            self.writes -= written;
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
