//! The server: knows which devices are there, one live session for each.
//!
//! ```no_run
//! use std::collections::HashMap;
//! use ayt::session::Key;
//! use ayt::session::server::Server;
//! use bytes::Bytes;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = HashMap::from([(Bytes::from("sensor-7"), Key::new(&[7; 32])?)]);
//! let server = Server::builder().keys(keys).bind("127.0.0.1:7007").await?;
//! while let Some(mut session) = server.accept().await {
//!     tokio::spawn(async move {
//!         while let Some(message) = session.recv().await {
//!             if session.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!         let end = session.ended().await;
//!         println!("{}: {}", session.identity().escape_ascii(), end.cause);
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A client that loses its connection and comes back in time goes on with the same
//! [`Session`]: [`Server::accept`] gives each only once. One that comes back too late,
//! or begins anew, is a new session, and the old one ends.
//!
//! **Over TLS** (feature `tls`): `Server::builder().tls(config)`; see `ayt::tls`. With
//! `certificates` the clients' certificates say who they are.
//!
//! # What runs
//!
//! One task for each connection, and five for the server. None outlives the [`Server`]:
//! dropping it closes every connection without a word, [`Server::shutdown`] with one.
//! Each connection's socket is closed in one place, after its one cause is decided.
//!
//! # What it costs
//!
//! Before it has registered, a connection costs at most one frame of 1,028 bytes and
//! its task; how many there may be is bounded, in all and for one address, and each has
//! a deadline that does not move ([`Limits`]). The handshake of TLS costs up to 64 KiB
//! more, within the same bounds. A session costs at most its window and
//! its replay bound, and holds neither while nothing is under way.

mod alarms;
mod auth;
mod book;
mod builder;
mod commit;
mod config;
mod connection;
mod decide;
mod door;
mod events;
#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
mod held;
mod log;
mod register;
#[cfg(feature = "tls")]
mod secure;
mod session;
mod shared;
mod sockets;
mod spare;
mod stats;
mod tasks;
#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::frame::{Reason, Retry};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc};

use crate::sync::atomic::Ordering;

pub use ayt_core::session::handshake::BadBeat;
pub use ayt_core::session::registry::{Over, Policy};

pub use auth::{KeyAnswer, KeyError, Keys};
pub use builder::{ServerBuilder, StartError};
pub use config::{BadLimit, Beats, Limits};
pub use events::SessionEvent;
pub use held::Predecessor;
pub use session::{Session, SessionReceiver, SessionSender};
pub use stats::{Now, Stats};

use connection::Whose;
use shared::Shared;

/// A server for `ayt/1`. See [the module](self).
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    sessions: Mutex<mpsc::Receiver<Session>>,
    local: Option<SocketAddr>,
}

impl Server {
    /// Sets one up.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Where it listens; `None` where it was [started](ServerBuilder::start) without a
    /// listener.
    #[must_use]
    pub const fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// The next new session; `None` once the server is shut down. A session that is
    /// resumed is not new: it goes on as the [`Session`] it was. One may be over already
    /// when it is given, with messages still to be received.
    ///
    /// Cancel safe: where the future is dropped before it is ready, no session is lost.
    pub async fn accept(&self) -> Option<Session> {
        self.sessions.lock().await.recv().await
    }

    /// Serves a connection that was accepted elsewhere: over TLS, a Unix socket, in a
    /// test. It has the registration deadline from here on, and is counted for
    /// `peer`'s address. Its options are left as they are: set keepalive and a user timeout
    /// yourself ([`keepalive::apply`](crate::keepalive::apply)). `false` where it was turned away at once (too many connections
    /// have not registered, or the server is shutting down): it is closed then.
    ///
    /// What encrypts must have finished its handshake: bound that one too, or let this
    /// server do it (feature `tls`: `serve_tls`). The stream's `poll_shutdown` must close
    /// the writing direction only, as that of tokio-rustls does.
    pub fn serve_connection<S>(&self, io: S, peer: SocketAddr) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        connection::admit(&self.shared, io, peer, Whose::Program, None)
    }

    /// As [`Self::serve_connection`], with the client's end-entity certificate (DER) that
    /// TLS has verified, for [`ServerBuilder::certificates`].
    pub fn serve_verified<S>(&self, io: S, peer: SocketAddr, certificate: Vec<u8>) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        connection::admit(&self.shared, io, peer, Whose::Program, Some(certificate))
    }

    /// Serves a connection that was accepted elsewhere and begins with a TLS handshake:
    /// that has the registration deadline, too. As [`Self::serve_connection`] otherwise;
    /// `false` also where [`ServerBuilder::tls`] was not called.
    #[cfg(feature = "tls")]
    pub fn serve_tls<S>(&self, io: S, peer: SocketAddr) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        secure::admit(&self.shared, io, peer, Whose::Program)
    }

    /// What it has counted, and what there is now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        let tasks = shared.tasks();
        let waiting = {
            let queue = shared::lock(&shared.queue);
            let queue = queue.as_ref();
            queue.map_or(0, |queue| queue.max_capacity() - queue.capacity())
        };
        let now = shared.book(|book, _| Now {
            unregistered: shared.door.count(),
            connections: book.conns.len(),
            parked: book.registry.census().parked,
            spares: book.spares.len(),
            tasks,
            waiting,
        });
        shared.counters.snapshot(now)
    }

    /// Closes the server: nobody is taken on any more, [`Self::accept`] gives what waits
    /// and then `None`, and every client is sent BYE `shutting_down` once it has
    /// acknowledged what it was sent. Each is told to come back after `retry` and a
    /// random time beyond it of up to [`Limits::retry_spread`]. Ready when all
    /// connections are closed and the session store has been told: after
    /// [`Limits::finish`] + [`Limits::drain`] + 1 s at most, and 1 s more where the store
    /// does not answer. Then every session is over.
    ///
    /// Cancel safe: the server goes on closing; calling it again waits again, with the
    /// first hint. To give up waiting, drop the server.
    pub async fn shutdown(&self, retry: Duration) {
        let shared = &self.shared;
        shared
            .closing
            .send_if_modified(|closing| closing.replace(closing.unwrap_or(retry)).is_none());
        shared::lock(&shared.queue).take();
        let live = shared.book(|book, _| book.conns.values().cloned().collect::<Vec<_>>());
        for kept in live {
            kept.core.end(Reason::ShuttingDown, shared.spread(retry));
        }
        let bound = shared.limits.finish + shared.limits.drain + Duration::from_secs(1);
        // Each connection has its own bound below that; this one is for a socket that
        // takes no more bytes.
        let _ = tokio::time::timeout(bound, self.all_closed()).await;
        // Those who were registering, too: what they have set is put right below.
        let tasks = shared::lock(&shared.tasks).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        shared.stop();
        // A socket that takes no more bytes does not hold its task up.
        self.none_carried().await;
        tasks::follow_at_last(shared).await;
    }

    async fn all_closed(&self) {
        let none = || {
            let shared = &self.shared;
            shared.book(|book, _| book.conns.is_empty() && book.spares.is_empty())
        };
        self.until(none).await;
    }

    async fn none_carried(&self) {
        let none = || self.shared.carried.load(Ordering::Acquire) == 0;
        self.until(none).await;
    }

    /// Something is looked at again whenever a connection has closed.
    async fn until(&self, is: impl Fn() -> bool) {
        loop {
            let closed = self.shared.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if is() {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// A hint for those who are turned away: come back after this long.
#[must_use]
pub fn retry_after(time: Duration) -> Retry {
    Retry::After(config::ms(time).min(u32::MAX - 1))
}
