//! A connection that anybody may cut.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// One end. Once it is cut, nothing comes any more and nothing goes.
#[derive(Debug)]
pub(crate) struct Line {
    io: DuplexStream,
    scissors: Scissors,
}

/// Cuts a line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scissors(Arc<Mutex<Cut>>);

#[derive(Debug, Default)]
struct Cut {
    is_cut: bool,
    waits: Vec<Waker>,
}

impl Line {
    /// Both ends of one with so many bytes under way at most in each direction.
    pub(crate) fn pair(bytes: usize) -> (Self, Self, Scissors) {
        let (here, there) = tokio::io::duplex(bytes);
        let scissors = Scissors::default();
        let end = |io| Self {
            io,
            scissors: scissors.clone(),
        };
        (end(here), end(there), scissors)
    }
}

impl Scissors {
    /// Both ends find their connection reset.
    pub(crate) fn cut(&self) {
        let mut cut = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cut.is_cut = true;
        let waits = std::mem::take(&mut cut.waits);
        drop(cut);
        waits.into_iter().for_each(Waker::wake);
    }

    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        let mut cut = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cut.is_cut {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if !cut.waits.iter().any(|waker| waker.will_wake(cx.waker())) {
            cut.waits.push(cx.waker().clone());
        }
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.scissors.check(cx)?;
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.scissors.check(cx)?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.scissors.check(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.scissors.check(cx)?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
