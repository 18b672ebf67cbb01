//! FIN out, and reading to the peer's end, at the same time.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::{Bounds, By, Closed};
use crate::cause::{self, Cause};

const CHUNK: usize = 8 * 1024;

/// Pieces read in one poll before others get their turn.
const PIECES: usize = 16;

pub(super) async fn run<S>(stream: S, bounds: Bounds, sink: impl FnMut(&[u8])) -> Closed
where
    S: AsyncRead + AsyncWrite,
{
    let mut stream = pin!(stream);
    let mut drain = Drain {
        buffer: vec![0; CHUNK].into_boxed_slice(),
        sink,
        left: bounds.bytes,
        drained: 0,
        fin_sent: false,
        fin_failed: None,
        peer_closed: false,
    };
    let by = timeout(bounds.within, poll_fn(|cx| drain.poll(stream.as_mut(), cx)))
        .await
        .unwrap_or(By::Time);
    Closed {
        by,
        drained: drain.drained,
    }
}

struct Drain<F> {
    buffer: Box<[u8]>,
    sink: F,
    left: u64,
    drained: u64,
    fin_sent: bool,
    fin_failed: Option<Cause>,
    peer_closed: bool,
}

impl<F: FnMut(&[u8])> Drain<F> {
    fn poll<S>(&mut self, mut stream: Pin<&mut S>, cx: &mut Context<'_>) -> Poll<By>
    where
        S: AsyncRead + AsyncWrite,
    {
        if !self.fin_sent {
            // A stream's shutdown flushes what it buffers (tokio's contract).
            match stream.as_mut().poll_shutdown(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.fin_sent = true,
                // Unread data may be there all the same: it is read first. Without
                // a connection this direction had been closed before.
                Poll::Ready(Err(error)) => {
                    self.fin_sent = true;
                    if error.kind() != ErrorKind::NotConnected {
                        self.fin_failed = Some(cause::find(&error).unwrap_or(Cause::Failed));
                    }
                }
            }
        }
        for _ in 0..PIECES {
            if self.peer_closed {
                return match self.fin_failed {
                    Some(cause) => Poll::Ready(By::Failed(cause)),
                    None if self.fin_sent => Poll::Ready(By::Peer),
                    None => Poll::Pending,
                };
            }
            let mut piece = ReadBuf::new(&mut self.buffer);
            match stream.as_mut().poll_read(cx, &mut piece) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {
                    let bytes = piece.filled();
                    if bytes.is_empty() {
                        self.peer_closed = true;
                        continue;
                    }
                    self.drained += bytes.len() as u64;
                    (self.sink)(bytes);
                    let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                        return Poll::Ready(By::Bytes);
                    };
                    self.left = left;
                }
                Poll::Ready(Err(error)) => {
                    // `None`: no end, so it is tried again.
                    if let Some(cause) = cause::find(&error) {
                        return Poll::Ready(By::Failed(cause));
                    }
                }
            }
        }
        // There is more at once: others first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
