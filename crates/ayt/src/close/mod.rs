//! Closing, in three ways, each bounded and each saying how it ended.
//!
//! | | the peer sees | data the peer has in flight | afterwards here |
//! |---|---|---|---|
//! | [`graceful`] | FIN | read and thrown away, so that no RST destroys what it has not read yet | nothing, or TIME_WAIT |
//! | [`half`] | FIN | handed to the caller | nothing, or TIME_WAIT |
//! | [`abortive`] | RST | lost | nothing |
//!
//! Why not just drop the stream? The kernel answers a close with unread data by
//! RST instead of FIN (RFC 9293 3.10.4, RFC 2525 2.17; `tcp_close` in
//! `net/ipv4/tcp.c`), and a RST makes the peer's kernel throw away what its
//! program has not read: the tail of the answer is lost although it had arrived.
//! Draining first avoids it. Draining without a bound waits for ever for a peer
//! that never closes; hence [`Bounds`].
//!
//! `SO_LINGER` with a time does none of this: it bounds how long `close(2)` blocks
//! with unsent data, and does not touch TIME_WAIT.

mod drain;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::cause::Cause;

/// How long, and for how many bytes, a close may wait for the peer's own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the call until the peer's FIN. Default 10 s.
    ///
    /// Under 60 s, after which connection tracking on the way forgets a
    /// half-closed connection and the peer's FIN would not get through
    /// (`nf_conntrack_tcp_timeout_close_wait`).
    pub within: Duration,
    /// Bytes read until the peer's FIN. Default 16 MiB: more than what the usual
    /// limit of a receive buffer (`tcp_rmem`, 6 MiB) holds in flight, so that only
    /// a peer that goes on sending after it saw the FIN reaches it.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            within: Duration::from_secs(10),
            bytes: 16 << 20,
        }
    }
}

/// How a close ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// What ended it.
    pub by: By,
    /// Bytes read after the call: thrown away by [`graceful`], handed over by
    /// [`half`].
    pub drained: u64,
}

/// What ended a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The peer closed its side too: all it ever sent was read.
    Peer,
    /// [`Bounds::within`] passed first. If anything more arrives, the kernel
    /// answers it with RST.
    Time,
    /// More than [`Bounds::bytes`] came: the peer does not mind the FIN. The
    /// kernel answers what it goes on sending with RST.
    Bytes,
    /// The connection failed meanwhile.
    Failed(Cause),
    /// This side reset it, as [`abortive`] does.
    Reset,
}

/// Closes so that nothing is lost that has arrived on either side: sends what is
/// buffered and FIN (for TLS also `close_notify`), reads to the peer's end and
/// throws that away, then closes.
///
/// Writing and reading go on together, so a peer that first has to get rid of its
/// own data cannot block the close. A peer that closes too leaves the connection
/// finished in both directions; TIME_WAIT falls to the side that closed first.
///
/// # Cancel safety
/// Dropping the future drops the stream: with unread data that is a RST.
pub async fn graceful<S>(stream: S, bounds: Bounds) -> Closed
where
    S: AsyncRead + AsyncWrite,
{
    half(stream, bounds, |_| {}).await
}

/// Closes the writing direction and goes on reading for the drain time: what the
/// peer had in flight, such as the heartbeat that was late, goes to `sink`, in
/// order and in pieces of any size. Then closes.
///
/// # Cancel safety
/// As [`graceful`]. What `sink` has been given stays given.
pub async fn half<S>(stream: S, bounds: Bounds, sink: impl FnMut(&[u8])) -> Closed
where
    S: AsyncRead + AsyncWrite,
{
    drain::run(stream, bounds, sink).await
}

/// Closes at once by RST, with `SO_LINGER` on and 0: the peer gets `ECONNRESET`
/// and may lose what it has not read, what was not sent yet is thrown away, and no
/// TIME_WAIT is left. For a peer that misbehaves, or to show that a transfer was
/// cut short.
///
/// Where `SO_LINGER` cannot be set the stream is simply dropped, and `by` says
/// [`By::Failed`].
pub fn abortive(stream: TcpStream) -> Closed {
    let by = match stream.set_zero_linger() {
        Ok(()) => By::Reset,
        Err(error) => By::Failed(crate::cause::of(&error, &stream).unwrap_or(Cause::Failed)),
    };
    drop(stream);
    Closed { by, drained: 0 }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests;
