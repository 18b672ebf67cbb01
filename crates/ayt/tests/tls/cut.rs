//! A transport that breaks, and one that is slow.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    /// Bytes of TLS until one of four directions breaks: in its handshake (some 1,500
    /// bytes), in the registration after it, or anywhere.
    pub(crate) fn bytes(&mut self) -> [usize; 4] {
        let mut bytes = [usize::MAX; 4];
        let most = [800, 2_500, 10_000, 60_000][self.roll(4)];
        bytes[self.roll(4)] = self.roll(most);
        bytes
    }
}

/// Breaks, in the midst of whatever goes over it, after so many bytes in one of both
/// directions.
pub(crate) struct Cut {
    io: DuplexStream,
    reads: usize,
    writes: usize,
}

impl Cut {
    pub(crate) const fn new(io: DuplexStream, reads: usize, writes: usize) -> Self {
        Self { io, reads, writes }
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
        let mut part = vec![0; self.reads.min(buffer.remaining())];
        let mut part = ReadBuf::new(&mut part);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        buffer.put_slice(part.filled());
        self.reads -= part.filled().len();
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
