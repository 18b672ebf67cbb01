//! Any stream with a detector beside it: reads end with a typed cause when the
//! peer has been silent for its time.
//!
//! ```no_run
//! use std::time::Duration;
//! use ayt::detectors::{Fixed, Terms};
//! use ayt::watched::Watched;
//! use tokio::io::AsyncReadExt;
//!
//! # async fn f(stream: tokio::net::TcpStream) -> Result<(), ayt::detectors::BadTerms> {
//! // A heartbeat every 30 s was promised; silent after 65 s.
//! let terms = Terms::new(Duration::from_secs(30), 2, Duration::from_secs(5))?;
//! let mut stream = Watched::tcp(stream, Fixed::new(terms, Duration::ZERO));
//! let mut bytes = [0; 1024];
//! match stream.read(&mut bytes).await {
//!     Ok(0) => { /* the peer has closed */ }
//!     Ok(_) => { /* bytes */ }
//!     Err(_) => { let _why = stream.cause(); /* such as Cause::HeartbeatMissed */ }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`detectors`](crate::detectors) says which detector is for which peer.
//!
//! # What counts
//!
//! - Life is **bytes received**. What is written proves nothing: the kernel takes
//!   it for a dead peer too.
//! - Silence counts only **while a read is awaited**. When a read returns, the
//!   detector is paused until the next read has to wait; an owner that does
//!   something else for an hour has not listened, and accuses nobody. A program
//!   that never reads is not told of a dead peer: for it there is the kernel's
//!   `TCP_USER_TIMEOUT`.
//! - An **own lateness** (the machine slept, the process was stopped, the read was
//!   not polled) is never the peer's silence: the detector is told the time of
//!   each poll and begins anew.
//! - A read of 0 bytes is the end only into a buffer with room. A byte of value 0
//!   is a byte. An empty read, and "no data now", end nothing.
//!
//! A peer that is rightly silent, such as an HTTP client that waits for an answer,
//! must not be accused of it: [`Handle::hold`] stops the detector meanwhile.
//!
//! # Over TLS
//!
//! Put it **below** TLS, `TlsStream<Watched<TcpStream>>`, unless there is a reason not
//! to: then every byte of the peer's is life, also half of a record, which cannot be
//! decrypted yet, and records of TLS's own (session tickets, key updates). So do the
//! listener's connections over TLS (feature `tls`). The errors of the TLS stream carry
//! the same causes.
//!
//! Above, `Watched<TlsStream<..>>`, life is what TLS has delivered: a ticket or a key
//! update is none, and a peer that sends a long record slowly is silent until it is
//! whole. In return nothing counts that the peer has not authenticated, and an end
//! without `close_notify` is told as [`Cause::Truncated`].
//!
//! # Cost
//!
//! A received byte costs reading the clock and a few stores. The timer is set once
//! a period, not once a read; an idle connection wakes nobody before its deadline.
//! One timer is allocated at the first read that has to wait.
//!
//! # After the end
//!
//! Reads and writes fail with the same cause, at once; a writer that was blocked
//! is woken. Closing stays possible: [`Watched::into_inner`] gives the stream to
//! [`close`](crate::close), and what the peer had in flight can still be read.
//!
//! # Cancel safety
//!
//! Nothing is buffered: a read or write that is dropped before it is ready has
//! taken nothing, just as with the stream inside. A dropped read is a pause.

#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
mod handle;
mod never;
mod poll;
mod shared;
mod timer;
mod watch;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

pub use ayt_core::detectors::{Detector, Judgement};
use pin_project_lite::pin_project;
use tokio::net::TcpStream;

pub use handle::{Handle, Hold};
pub use never::Never;
pub(crate) use shared::Release;
pub use watch::Suspected;

use crate::cause::{Cause, SocketAtEnd, socket_at_end};
use crate::trace;
use watch::Watch;

/// Reads the kernel's facts of the socket under a stream.
type Facts<S> = fn(&S) -> Option<SocketAtEnd>;

pin_project! {
    /// A stream with a detector beside it; see the [module's page](self).
    ///
    /// `S` is anything that reads and writes: a TCP or TLS stream, a WebSocket's
    /// transport, hyper's upgraded connection. `D` judges; [`Never`] judges
    /// nothing, and leaves the typed causes.
    #[derive(Debug)]
    pub struct Watched<S, D = Never> {
        #[pin]
        io: S,
        facts: Option<Facts<S>>,
        watch: Watch<D>,
    }
}

impl<S, D: Detector> Watched<S, D> {
    /// Watches a stream. Silence counts from the first read that has to wait. The
    /// detector's time begins now: make it with [`Duration::ZERO`].
    ///
    /// Causes come from the errors of `io` alone; [`Watched::tcp`] and
    /// [`Watched::facts`] let the kernel be asked too.
    pub fn new(io: S, detector: D) -> Self {
        Self {
            io,
            facts: None,
            watch: Watch::new(detector, None),
        }
    }

    /// Names the peer, for errors and traces.
    #[must_use]
    pub fn peer(mut self, peer: SocketAddr) -> Self {
        self.watch.peer = Some(peer);
        trace::peer(&self.watch.span, peer);
        self
    }

    /// Says how to reach the TCP socket under `io`, so that the kernel's account
    /// can tell keepalive from retransmission when it ends (Linux; elsewhere it
    /// changes nothing). [`Watched::tcp`] has it.
    ///
    /// ```no_run
    /// # use ayt::watched::{Detector, Watched};
    /// # use tokio_rustls::client::TlsStream;
    /// # use tokio::net::TcpStream;
    /// # fn f(tls: TlsStream<TcpStream>, detector: impl Detector) {
    /// let tls = Watched::new(tls, detector).facts(|tls| ayt::watched::facts_of(tls.get_ref().0));
    /// # }
    /// ```
    #[must_use]
    pub fn facts(mut self, facts: fn(&S) -> Option<SocketAtEnd>) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Calls `ask` once for each silence that grows suspicious, before it is
    /// judged. It runs inside the read that is awaited: it must not block. To
    /// write a challenge it wakes the task that owns the writing side (a channel,
    /// a [`tokio::sync::Notify`]), so that it does not cut into what that writes.
    #[must_use]
    pub fn on_suspect(mut self, mut ask: impl FnMut(Suspected) + Send + 'static) -> Self {
        self.watch.set_hook(Box::new(move |suspected| {
            ask(suspected);
            None
        }));
        self
    }

    /// As [`Watched::on_suspect`], with a future: it is driven by the reads that
    /// are awaited, beside them, and dropped unfinished when the next suspicion
    /// comes or the connection is dropped.
    #[must_use]
    pub fn on_suspect_async<F>(
        mut self,
        mut ask: impl FnMut(Suspected) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.watch
            .set_hook(Box::new(move |suspected| Some(Box::pin(ask(suspected)))));
        self
    }

    /// The detector.
    pub const fn detector(&self) -> &D {
        self.watch.detector()
    }

    /// How long ago bytes last went either way, or since it is watched.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.watch.idle()
    }

    /// It has to register within a time. `registered` runs once, when it does or
    /// is dropped; `gone` when it is dropped.
    pub(crate) fn must_register(
        &mut self,
        within: Duration,
        on_read: bool,
        registered: Release,
        gone: Release,
    ) {
        self.watch.must_register(within, on_read, gone);
        self.watch.shared.set_registration(registered);
    }
}

impl<S, D> Watched<S, D> {
    /// A handle, for those who may end it, register it or hold its detector.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            shared: std::sync::Arc::clone(&self.watch.shared),
            peer: self.watch.peer,
        }
    }

    /// Why it ended; `None` while it has not. [`Cause::PeerClosed`] comes with
    /// the end of the bytes, while the other direction may still be open.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.watch.shared.cause()
    }

    /// The peer's address, where it is known.
    #[must_use]
    pub const fn peer_addr(&self) -> Option<SocketAddr> {
        self.watch.peer
    }

    /// Bytes received so far.
    #[must_use]
    pub const fn bytes_received(&self) -> u64 {
        self.watch.received
    }

    /// Bytes written so far, which the peer need not have.
    #[must_use]
    pub const fn bytes_sent(&self) -> u64 {
        self.watch.sent
    }

    /// The stream inside.
    pub const fn get_ref(&self) -> &S {
        &self.io
    }

    /// The stream inside. What is read past the detector is no sign of life to it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.io
    }

    /// The stream alone, for [closing](crate::close) or for another life. It is
    /// watched no longer; handles see [`Cause::LocalClose`] unless it had ended.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.io
    }

    /// The span of this connection (feature `tracing`), to run its owner's task in.
    /// Its fields are `peer`, and at the end `cause`, `bytes_received` and
    /// `bytes_sent`.
    #[cfg(feature = "tracing")]
    pub const fn span(&self) -> &tracing::Span {
        &self.watch.span
    }
}

impl<D: Detector> Watched<TcpStream, D> {
    /// Watches a TCP stream: names its peer, and reads the kernel's facts at its
    /// end. Otherwise as [`Watched::new`].
    pub fn tcp(stream: TcpStream, detector: D) -> Self {
        let peer = stream.peer_addr().ok();
        Self {
            watch: Watch::new(detector, peer),
            facts: Some(socket_at_end),
            io: stream,
        }
    }
}

/// What the kernel knows of a TCP socket (Linux; `None` elsewhere): for
/// [`Watched::facts`].
#[must_use]
pub fn facts_of(stream: &TcpStream) -> Option<SocketAtEnd> {
    socket_at_end(stream)
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests;
