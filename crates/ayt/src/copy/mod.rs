//! Two streams copied into each other, with the end of each direction.
//!
//! [`copy_bidirectional`] takes the place of
//! [`tokio::io::copy_bidirectional`]; [`bidirectional`] also says how each
//! direction ended. Both differ from tokio's in this:
//!
//! - **Liveness.** Given [`Watched`](crate::watched::Watched) streams, a peer that
//!   vanished ends the copy at its detector's deadline, on either side.
//! - **Half-close is half a close.** The end of one direction is passed on as such
//!   (FIN), and the other goes on.
//! - **The half-closed state is bounded.** Once one direction has ended, the other
//!   must go on moving bytes: [`Bounds::half_closed`]. Without it, a peer that never
//!   closes its side keeps two connections in FIN_WAIT_2 and CLOSE_WAIT for hours.
//! - **A failed write loses no answer.** When one side has stopped taking bytes, what
//!   it had sent before is still carried over.
//!
//! After an error the streams are left open. To show the other side that what it
//! got is cut short, [reset](crate::close::abortive) it; dropping it would look
//! like a regular end.

mod transfer;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::cause::{Cause, Ended};
use transfer::{Outcome, Transfer};

/// What a copy may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long, once one direction has ended, the other may go without moving a
    /// byte. Default 30 s: under the 60 s after which connection tracking forgets
    /// a half-closed connection, so that the FIN still gets through
    /// (`nf_conntrack_tcp_timeout_close_wait`). `None`: no bound.
    pub half_closed: Option<Duration>,
    /// Bytes of buffer, for each direction. Default 8 KiB, as tokio's; at least 1
    /// is used.
    pub buffer: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            half_closed: Some(Duration::from_secs(30)),
            buffer: 8 * 1024,
        }
    }
}

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// How a copy ended.
#[derive(Debug)]
pub struct Copied {
    /// What A sent to B.
    pub a_to_b: Direction,
    /// What B sent to A.
    pub b_to_a: Direction,
}

/// How one direction ended.
#[derive(Debug)]
pub struct Direction {
    /// Bytes that were written to the receiving side.
    pub bytes: u64,
    /// Why no more were.
    pub end: End,
}

/// Why a direction ended.
#[derive(Debug)]
pub enum End {
    /// The sending side closed; its end was passed on.
    Finished,
    /// A stream failed.
    Broken {
        /// Which.
        side: Side,
        /// Why.
        cause: Cause,
        /// The error itself.
        error: io::Error,
    },
    /// The other direction had ended, and here nothing moved for
    /// [`Bounds::half_closed`].
    HalfClosedTooLong,
    /// It was alive when the other direction's sender failed: nobody is left to
    /// take its bytes.
    Stopped,
}

impl End {
    /// The cause, in the words of the rest of ayt.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Finished => Cause::PeerClosed,
            Self::Broken { cause, .. } => *cause,
            Self::HalfClosedTooLong | Self::Stopped => Cause::LocalClose,
        }
    }
}

/// Copies both ways until both have ended. A drop-in for
/// [`tokio::io::copy_bidirectional`], with [`Bounds::default`]: returns the bytes
/// from `a` to `b` and from `b` to `a`.
///
/// # Errors
/// The first failure of either stream, from which [`cause::find`](crate::cause::find)
/// takes the cause. [`io::ErrorKind::TimedOut`] with [`Cause::LocalClose`] when the
/// half-closed state lasted too long.
///
/// # Cancel safety
/// Not cancel safe, as tokio's: bytes that were read and not yet written are lost.
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let Copied { a_to_b, b_to_a } = bidirectional(a, b, Bounds::default()).await;
    for end in [a_to_b.end, b_to_a.end] {
        match end {
            End::Broken { error, .. } => return Err(error),
            End::HalfClosedTooLong => {
                let ended = Ended::new(Cause::LocalClose, None);
                return Err(io::Error::new(io::ErrorKind::TimedOut, ended));
            }
            End::Finished | End::Stopped => {}
        }
    }
    Ok((a_to_b.bytes, b_to_a.bytes))
}

/// Copies both ways until both have ended, and says how.
///
/// # Cancel safety
/// Not cancel safe: bytes that were read and not yet written are lost.
pub async fn bidirectional<A, B>(a: &mut A, b: &mut B, bounds: Bounds) -> Copied
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let mut copy = Copy {
        a_to_b: Transfer::new(bounds.buffer),
        b_to_a: Transfer::new(bounds.buffer),
        half_closed: bounds.half_closed,
        moved_at: None,
    };
    let mut timer = pin!(sleep_until(Instant::now()));
    poll_fn(|cx| copy.poll(Pin::new(&mut *a), Pin::new(&mut *b), timer.as_mut(), cx)).await;
    Copied {
        a_to_b: copy.a_to_b.into_direction(Side::A),
        b_to_a: copy.b_to_a.into_direction(Side::B),
    }
}

struct Copy {
    a_to_b: Transfer,
    b_to_a: Transfer,
    half_closed: Option<Duration>,
    /// In the half-closed state: when bytes last moved.
    moved_at: Option<Instant>,
}

impl Copy {
    fn poll<A, B>(
        &mut self,
        mut a: Pin<&mut A>,
        mut b: Pin<&mut B>,
        timer: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        A: AsyncRead + AsyncWrite + ?Sized,
        B: AsyncRead + AsyncWrite + ?Sized,
    {
        let before = self.a_to_b.bytes + self.b_to_a.bytes;
        self.a_to_b.poll(a.as_mut(), b.as_mut(), cx);
        self.b_to_a.poll(b, a, cx);
        let moved = self.a_to_b.bytes + self.b_to_a.bytes != before;
        match (&self.a_to_b.outcome, &self.b_to_a.outcome) {
            (Some(_), Some(_)) => return Poll::Ready(()),
            (None, None) => return Poll::Pending,
            (Some(Outcome::ReadFailed(_)), None) => {
                self.b_to_a.outcome = Some(Outcome::Stopped);
                return Poll::Ready(());
            }
            (None, Some(Outcome::ReadFailed(_))) => {
                self.a_to_b.outcome = Some(Outcome::Stopped);
                return Poll::Ready(());
            }
            _ => {}
        }
        self.poll_half_closed(moved, timer, cx)
    }

    fn poll_half_closed(
        &mut self,
        moved: bool,
        mut timer: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(bound) = self.half_closed else {
            return Poll::Pending;
        };
        let now = Instant::now();
        let entered = self.moved_at.is_none();
        if moved || entered {
            self.moved_at = Some(now);
        }
        let Some(due) = self.moved_at.and_then(|at| at.checked_add(bound)) else {
            return Poll::Pending;
        };
        if entered {
            timer.as_mut().reset(due);
        }
        // Set once a period: bytes that move cost no timer operation.
        while timer.as_mut().poll(cx).is_ready() {
            if now >= due {
                for transfer in [&mut self.a_to_b, &mut self.b_to_a] {
                    transfer.outcome.get_or_insert(Outcome::HalfClosedTooLong);
                }
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests;
