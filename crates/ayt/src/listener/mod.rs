//! Accepting within bounds: no crowd of silent strangers keeps out the others.
//!
//! ```no_run
//! use ayt::listener::Listener;
//! use tokio::io::AsyncReadExt;
//!
//! # async fn f() -> std::io::Result<()> {
//! let mut listener = Listener::bind("127.0.0.1:7000").await?;
//! while let Ok(mut stream) = listener.accept().await {
//!     tokio::spawn(async move {
//!         // The first bytes read make it a client; without any it ends after 10 s.
//!         let mut bytes = [0; 1024];
//!         while let Ok(1..) = stream.read(&mut bytes).await {}
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Who is registered
//!
//! A connection is **unregistered** from accepting until its owner has read its first
//! byte. As long as it is, it counts for the [`Bounds`] and ends when their
//! [age](Bounds::age) is over, with [`Cause::NeverRegistered`]: its reads and writes fail
//! then, whether or not anybody polls it. What comes over a bound is closed at once by
//! RST, which leaves neither memory nor TIME_WAIT, and is counted with its reason; those
//! that are there notice nothing.
//!
//! The byte counts when it is read. Where a client need not speak, because the server
//! only sends, nothing ever registers it: call [`Handle::registered`] yourself. Over TLS
//! (feature `tls`, `Listener::tls`) it is the first byte of the application, so that a
//! stranger who does the handshake and then says nothing is still a stranger.
//!
//! ## Who says little, and slowly
//!
//! One byte is enough: who sends it and then nothing is registered, and neither bounds nor
//! age hold any more. What holds then is yours to choose:
//!
//! - A [detector](Listener::detector) ends who is silent for longer than it allows,
//!   whatever was said before; who sends a byte now and then is not silent.
//! - A deadline of the protocol for its first whole request ends that one too: hyper's
//!   `header_read_timeout` (HTTP/1, and only with a timer; `axum::serve` sets none), or a
//!   [`timeout`](tokio::time::timeout) around reading it.
//! - [`Listener::register_explicitly`] keeps it within bounds and age until the server
//!   knows who it is. No byte moves that deadline.
//!
//! # When accept fails
//!
//! Errors of accept never reach the caller unless the listener itself is
//! unusable: a connection that was lost in the queue is passed over, and where
//! descriptors or memory are short accepting pauses for 5 ms to 1 s.
//!
//! # In axum, hyper and tonic
//!
//! With the features of these names it takes the place of a
//! [`tokio::net::TcpListener`] there:
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # async fn f(app: axum::Router) -> std::io::Result<()> {
//! use ayt::listener::Listener;
//!
//! let listener = Listener::bind("127.0.0.1:8080").await?;
//! let stopper = listener.stopper();
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async move { stopper.stopped().await })
//!     .await
//! # }
//! ```
//!
//! A handler has its connection's [`Handle`]: axum gives it as `ConnectInfo<Handle>`, tonic
//! in its `ConnectInfo`, and with hyper's own servers it is that of what `accept_io` gives.
//! With it a login can be what registers:
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # async fn f() -> std::io::Result<()> {
//! use axum::{Router, extract::ConnectInfo, routing::post};
//! use ayt::{listener::Listener, watched::Handle};
//!
//! async fn login(ConnectInfo(connection): ConnectInfo<Handle>) {
//!     // Check who it is, and then:
//!     connection.registered();
//! }
//!
//! let app = Router::new().route("/login", post(login));
//! let listener = Listener::bind("127.0.0.1:8080").await?.register_explicitly();
//! axum::serve(listener, app.into_make_service_with_connect_info::<Handle>()).await
//! # }
//! ```
//!
//! [`Cause::NeverRegistered`]: crate::cause::Cause::NeverRegistered
//! [`Handle`]: crate::watched::Handle
//! [`Handle::registered`]: crate::watched::Handle::registered

mod accept_error;
#[cfg(feature = "axum")]
mod axum;
mod bounds;
#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
#[cfg(feature = "hyper")]
mod hyper;
mod stopper;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tonic")]
mod tonic;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::detectors::Detector;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::time::Instant;

pub use bounds::{Bounds, Refusal, Stats};
pub use stopper::Stopper;
#[cfg(all(feature = "tls", feature = "tonic"))]
pub use tls::{TlsConnectInfo, TlsIncoming};
#[cfg(feature = "tls")]
pub use tls::{TlsConnection, TlsListener};
#[cfg(feature = "tonic")]
pub use tonic::{ConnectInfo, Incoming};

use crate::setup::Setup;
use crate::trace;
use crate::watched::{Never, Watched};
use accept_error::{Backoff, Fate};
use bounds::Places;

/// A connection as the listener hands it out.
pub type Connection<D = Never> = Watched<TcpStream, D>;

/// Accepts connections; see the [module's page](self).
pub struct Listener<D = Never> {
    listener: TcpListener,
    bounds: Bounds,
    /// The first byte that is read registers a connection.
    at_first_byte: bool,
    setup: Setup<D>,
    places: Arc<Places>,
    stopper: Stopper,
    backoff: Backoff,
    paused_until: Option<Instant>,
}

/// Why there are no more connections.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// [`Stopper::stop`] was called.
    #[error("the listener was stopped")]
    Stopped,
    /// The listener's socket is unusable, for example because it was destroyed
    /// from outside. Bind a new one.
    #[error("the listener's socket cannot accept any more; bind it anew: {0}")]
    Unusable(#[source] io::Error),
}

impl Listener<Never> {
    /// Binds and listens, as [`TcpListener::bind`], without a detector.
    ///
    /// # Cancel safety
    /// Where the future is dropped, nothing listens.
    ///
    /// # Errors
    /// Those of resolving and binding, such as `AddrInUse`.
    ///
    /// # Cancel safety
    /// Where the future is dropped there is no listener.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self::new)
    }

    /// Takes over a listener that was made elsewhere.
    #[must_use]
    pub fn new(listener: TcpListener) -> Self {
        let places = Arc::new(Places::default());
        Self {
            listener,
            bounds: Bounds::default(),
            at_first_byte: true,
            setup: Setup::new(),
            stopper: Stopper::new(Arc::clone(&places)),
            places,
            backoff: Backoff::new(),
            paused_until: None,
        }
    }
}

impl<D: Detector> Listener<D> {
    /// Watches each connection with a detector of its own, made with
    /// [`Duration::ZERO`]; [`detectors`](crate::detectors) says which.
    #[must_use]
    pub fn detector<E: Detector>(
        self,
        detector: impl Fn(SocketAddr) -> E + Send + Sync + 'static,
    ) -> Listener<E> {
        Listener {
            listener: self.listener,
            bounds: self.bounds,
            at_first_byte: self.at_first_byte,
            setup: self.setup.detector(detector),
            places: self.places,
            stopper: self.stopper,
            backoff: self.backoff,
            paused_until: self.paused_until,
        }
    }

    /// Bounds unregistered connections; see [`Bounds`] for the defaults.
    #[must_use]
    pub const fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Only [`Handle::registered`](crate::watched::Handle::registered) registers a
    /// connection, and no byte does: for servers that learn who a client is, by a login or
    /// a first packet. **Each connection that nobody registers ends at its
    /// [age](Bounds::age)**, busy or not.
    ///
    /// Off by default: the first byte that is read registers, since the libraries that
    /// take a listener know of no registration, and would lose every connection at its age.
    #[must_use]
    pub const fn register_explicitly(mut self) -> Self {
        self.at_first_byte = false;
        self
    }

    /// Sets options, such as a keepalive policy, on each accepted socket. Where it
    /// fails the connection is refused ([`Refusal::Socket`]); return `Ok(())` for
    /// what may be missing.
    #[must_use]
    pub fn on_socket(
        mut self,
        set: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.setup.on_socket(set);
        self
    }

    /// Applies a keepalive policy to each socket, in place of
    /// [`Self::on_socket`]; a connection is refused where that fails. What this system
    /// cannot do of it is no failure: [`keepalive::apply`](crate::keepalive::apply)
    /// tells it where that matters.
    #[cfg(any(unix, windows))]
    #[must_use]
    pub fn keepalive(mut self, policy: crate::keepalive::Policy) -> Self {
        self.setup.keepalive(policy);
        self
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// When the socket is unusable.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it has done so far, and holds now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.places.stats()
    }

    /// Stops it, and says what it has done: for other tasks, also after the
    /// listener was given away.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// The next connection.
    ///
    /// # Errors
    /// [`AcceptError`]: there will be no more.
    ///
    /// # Cancel safety
    /// Cancel safe: no connection is lost, and a pause for want of descriptors
    /// stays one.
    pub async fn accept(&mut self) -> Result<Connection<D>, AcceptError> {
        let stopper = self.stopper.clone();
        tokio::select! {
            biased;
            () = stopper.stopped() => Err(AcceptError::Stopped),
            accepted = self.next() => accepted,
        }
    }

    async fn next(&mut self) -> Result<Connection<D>, AcceptError> {
        loop {
            if let Some(until) = self.paused_until {
                tokio::time::sleep_until(until).await;
                self.paused_until = None;
            }
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    self.backoff.succeeded();
                    if let Some(connection) = self.admit(stream, peer) {
                        return Ok(connection);
                    }
                }
                Err(error) => match accept_error::fate(&error, ayt_sys::own::SYSTEM) {
                    Fate::Next => {}
                    Fate::Pause => self.pause(&error),
                    Fate::Fatal => return Err(AcceptError::Unusable(error)),
                },
            }
        }
    }

    fn pause(&mut self, error: &io::Error) {
        let pause: Duration = self.backoff.pause();
        self.places.count_accept_error();
        trace::accept_failed(error, pause);
        self.paused_until = Some(Instant::now() + pause);
    }

    /// `None`: refused, and closed.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> Option<Connection<D>> {
        let place = match self.places.take(peer, &self.bounds) {
            Ok(place) => place,
            Err(refusal) => {
                trace::refused(peer, &refusal);
                crate::close::abortive(stream);
                return None;
            }
        };
        if let Err(error) = self.setup.prepare(&stream) {
            place.registered();
            self.places.count_socket_refusal();
            trace::refused(peer, &Refusal::Socket(error.to_string()));
            crate::close::abortive(stream);
            return None;
        }
        let mut connection = self.setup.watch(stream, peer);
        place.seat(&mut connection, self.bounds.age, self.at_first_byte);
        Some(connection)
    }
}

impl<D> fmt::Debug for Listener<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("listener", &self.listener)
            .field("bounds", &self.bounds)
            .field("at_first_byte", &self.at_first_byte)
            .finish_non_exhaustive()
    }
}
