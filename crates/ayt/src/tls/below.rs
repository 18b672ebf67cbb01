//! Counts what comes in below TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::session::Below;
use crate::through::write_through;

/// The stream under TLS: tells how many bytes have come in.
#[derive(Debug)]
pub(crate) struct Counted<S> {
    io: S,
    below: Below,
}

impl<S> Counted<S> {
    pub(crate) const fn new(io: S, below: Below) -> Self {
        Self { io, below }
    }

    pub(crate) const fn get_ref(&self) -> &S {
        &self.io
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.below.came(buffer.filled().len() - before);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    write_through!(io);
}
