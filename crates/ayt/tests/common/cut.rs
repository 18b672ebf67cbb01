//! A transport that breaks after so many bytes, and dice that say after how many.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Breaks, in the midst of whatever goes over it, after so many bytes in one of
/// both directions.
pub(crate) struct Cut {
    io: DuplexStream,
    reads: usize,
    writes: usize,
}

impl Cut {
    /// With [`usize::MAX`] it never does.
    pub(crate) const fn new(io: DuplexStream, reads: usize, writes: usize) -> Self {
        Self { io, reads, writes }
    }
}

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

    /// Bytes until one of four directions, two ends with two each, breaks: below one of
    /// these numbers.
    pub(crate) fn bytes(&mut self, places: [usize; 4]) -> [usize; 4] {
        let mut bytes = [usize::MAX; 4];
        let most = places[self.roll(4)];
        bytes[self.roll(4)] = self.roll(most);
        bytes
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
