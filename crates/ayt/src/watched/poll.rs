//! Reading and writing through a [`Watched`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ayt_core::detectors::Detector;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Watched;

impl<S: AsyncRead, D: Detector> AsyncRead for Watched<S, D> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut this = self.project();
        if let Some(ended) = this.watch.decided() {
            return Poll::Ready(Err(ended.into()));
        }
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        // Before the bytes: what came up to then is read, and only then judged.
        let now = this.watch.now();
        match this.io.as_mut().poll_read(cx, buffer) {
            Poll::Pending => {
                let ended = this.watch.poll_silence(cx, now);
                ended.map(|ended| Err(ended.into()))
            }
            Poll::Ready(Ok(())) => {
                let received = buffer.filled().len() - before;
                if received > 0 {
                    this.watch.on_received(received, now);
                } else if room > 0 {
                    let facts = this.facts.as_ref();
                    this.watch
                        .on_eof(facts.and_then(|facts| facts(this.io.as_ref().get_ref())));
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(this.watch.on_error(error, || {
                this.facts
                    .as_ref()
                    .and_then(|facts| facts(this.io.as_ref().get_ref()))
            }))),
        }
    }
}

impl<S: AsyncWrite, D: Detector> Watched<S, D> {
    /// One write of any kind.
    fn poll_with(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut this = self.project();
        if let Some(ended) = this.watch.decided() {
            return Poll::Ready(Err(ended.into()));
        }
        match write(this.io.as_mut(), cx) {
            Poll::Pending => this.watch.poll_blocked(cx).map(|ended| Err(ended.into())),
            Poll::Ready(Ok(sent)) => {
                this.watch.on_sent(sent);
                Poll::Ready(Ok(sent))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(this.watch.on_error(error, || {
                this.facts
                    .as_ref()
                    .and_then(|facts| facts(this.io.as_ref().get_ref()))
            }))),
        }
    }
}

impl<S: AsyncWrite, D: Detector> AsyncWrite for Watched<S, D> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |io, cx| io.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_with(cx, |io, cx| io.poll_flush(cx).map_ok(|()| 0))
            .map_ok(|_| ())
    }

    /// Closes the writing direction, also after an own end.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        ready!(this.io.poll_shutdown(cx))?;
        this.watch.on_shutdown();
        Poll::Ready(Ok(()))
    }
}
