//! One direction of a copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Direction, End, Side};
use crate::cause::{Cause, find};

/// Pieces moved in one poll before others get their turn.
const PIECES: usize = 32;

pub(super) enum Outcome {
    Finished,
    ReadFailed(io::Error),
    WriteFailed(io::Error),
    HalfClosedTooLong,
    Stopped,
}

pub(super) struct Transfer {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    at_eof: bool,
    unflushed: bool,
    pub(super) bytes: u64,
    pub(super) outcome: Option<Outcome>,
}

impl Transfer {
    pub(super) fn new(buffer: usize) -> Self {
        Self {
            buffer: vec![0; buffer.max(1)].into_boxed_slice(),
            start: 0,
            end: 0,
            at_eof: false,
            unflushed: false,
            bytes: 0,
            outcome: None,
        }
    }

    /// Moves what can be moved now.
    pub(super) fn poll<R, W>(&mut self, from: Pin<&mut R>, to: Pin<&mut W>, cx: &mut Context<'_>)
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        if self.outcome.is_some() {
            return;
        }
        if let Poll::Ready(outcome) = self.step(from, to, cx) {
            self.outcome = Some(outcome);
        }
    }

    fn step<R, W>(
        &mut self,
        mut from: Pin<&mut R>,
        mut to: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        for _ in 0..PIECES {
            while self.start < self.end {
                let piece = &self.buffer[self.start..self.end];
                match ready!(to.as_mut().poll_write(cx, piece)) {
                    Ok(0) => {
                        return Poll::Ready(Outcome::WriteFailed(io::ErrorKind::WriteZero.into()));
                    }
                    Ok(written) => {
                        self.start += written.min(piece.len());
                        self.bytes += written as u64;
                        self.unflushed = true;
                    }
                    Err(error) => return Poll::Ready(Outcome::WriteFailed(error)),
                }
            }
            if self.at_eof {
                return match ready!(to.as_mut().poll_shutdown(cx)) {
                    Ok(()) => Poll::Ready(Outcome::Finished),
                    Err(error) => Poll::Ready(Outcome::WriteFailed(error)),
                };
            }
            let mut piece = ReadBuf::new(&mut self.buffer);
            match from.as_mut().poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) => {
                    (self.start, self.end) = (0, piece.filled().len());
                    self.at_eof = self.end == 0;
                }
                Poll::Ready(Err(error)) => {
                    // What was read before is not lost in a buffer of the writer.
                    let _ = to.as_mut().poll_flush(cx);
                    return Poll::Ready(Outcome::ReadFailed(error));
                }
                Poll::Pending => {
                    if self.unflushed {
                        if let Err(error) = ready!(to.as_mut().poll_flush(cx)) {
                            return Poll::Ready(Outcome::WriteFailed(error));
                        }
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// `sender`: the side that this direction reads from.
    pub(super) fn into_direction(self, sender: Side) -> Direction {
        let receiver = match sender {
            Side::A => Side::B,
            Side::B => Side::A,
        };
        let broken = |side, error: io::Error| End::Broken {
            side,
            cause: find(&error).unwrap_or(Cause::Failed),
            error,
        };
        let end = match self.outcome {
            Some(Outcome::Finished) => End::Finished,
            Some(Outcome::ReadFailed(error)) => broken(sender, error),
            Some(Outcome::WriteFailed(error)) => broken(receiver, error),
            Some(Outcome::HalfClosedTooLong) => End::HalfClosedTooLong,
            Some(Outcome::Stopped) | None => End::Stopped,
        };
        Direction {
            bytes: self.bytes,
            end,
        }
    }
}
