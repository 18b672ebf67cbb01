//! Accepting within bounds: no crowd of silent strangers keeps out the others.
//!
//! ```no_run
//! use ayt::listener::{Bounds, Listener};
//!
//! # async fn f() -> std::io::Result<()> {
//! let mut listener = Listener::bind("127.0.0.1:7000").await?.bounds(Bounds::default());
//! while let Ok(mut stream) = listener.accept().await {
//!     tokio::spawn(async move {
//!         // Read who it is, check it, and then:
//!         stream.handle().registered();
//! #       let _ = &mut stream;
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A connection is **unregistered** from accepting until its owner calls
//! [`Handle::registered`]; or, after [`Listener::register_at_first_byte`], until its
//! first bytes are read. It ends with [`Cause::NeverRegistered`](crate::cause::Cause::NeverRegistered) when
//! [`Bounds::age`] is over: its reads and writes fail then, whatever it has sent, and
//! whether or not anybody polls it.
//! What comes over a [bound](Bounds) is closed at once by RST, which leaves neither
//! memory nor TIME_WAIT, and is counted with its reason; those that are there
//! notice nothing.
//!
//! Errors of accept never reach the caller unless the listener itself is
//! unusable: a connection that was lost in the queue is passed over, and where
//! descriptors or memory are short accepting pauses for 5 ms to 1 s.
//!
//! Over TLS (feature `tls`): `Listener::tls`.
//!
//! # In axum, hyper and tonic
//!
//! With the features of these names it takes the place of a
//! [`tokio::net::TcpListener`] there. **Say who registers**, or every connection ends at
//! its [age](Bounds::age), busy or not: HTTP knows no registration by itself. Either the
//! first bytes do:
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # async fn f(app: axum::Router) -> std::io::Result<()> {
//! use ayt::listener::Listener;
//!
//! let listener = Listener::bind("127.0.0.1:8080").await?.register_at_first_byte();
//! let stopper = listener.stopper();
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async move { stopper.stopped().await })
//!     .await
//! # }
//! ```
//!
//! or a handler does, once the client has proved who it is, by the connection's
//! [`Handle`](crate::watched::Handle): axum gives it as `ConnectInfo<Handle>`, tonic in its
//! `ConnectInfo`, and with hyper's own servers it is that of what `accept_io` gives. The
//! example `axum_listener` shows it.
//!
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

use crate::trace;
use crate::watched::{Never, Watched};
use accept_error::{Backoff, Fate};
use bounds::Places;

/// A connection as the listener hands it out.
pub type Connection<D = Never> = Watched<TcpStream, D>;

/// Sets options on a socket that has just been accepted or connected.
pub(crate) type OnSocket = Arc<dyn Fn(&TcpStream) -> io::Result<()> + Send + Sync>;

type NewDetector<D> = Arc<dyn Fn(SocketAddr) -> D + Send + Sync>;

/// Accepts connections; see the [module's page](self).
pub struct Listener<D = Never> {
    listener: TcpListener,
    bounds: Bounds,
    at_first_byte: bool,
    on_socket: Option<OnSocket>,
    detector: NewDetector<D>,
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
            at_first_byte: false,
            on_socket: None,
            detector: Arc::new(|_| Never),
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
            on_socket: self.on_socket,
            detector: Arc::new(detector),
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

    /// The first bytes register a connection, for protocols whose server knows no
    /// better: the bounds then hold off those that say nothing at all. Against
    /// those that say little and slowly the protocol's own limit is needed, such as
    /// hyper's `header_read_timeout`. Off by default.
    #[must_use]
    pub const fn register_at_first_byte(mut self) -> Self {
        self.at_first_byte = true;
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
        self.on_socket = Some(Arc::new(set));
        self
    }

    /// Applies a keepalive policy to each socket, in place of
    /// [`Self::on_socket`]; a connection is refused where that fails. What this system
    /// cannot do of it is no failure: [`keepalive::apply`](crate::keepalive::apply)
    /// tells it where that matters.
    #[cfg(any(unix, windows))]
    #[must_use]
    pub fn keepalive(self, policy: crate::keepalive::Policy) -> Self {
        self.on_socket(move |socket| {
            let applied = crate::keepalive::apply(socket, &policy);
            applied.map(drop).map_err(io::Error::other)
        })
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
        if let Some(set) = &self.on_socket
            && let Err(error) = set(&stream)
        {
            place.registered();
            self.places.count_socket_refusal();
            trace::refused(peer, &Refusal::Socket(error.to_string()));
            crate::close::abortive(stream);
            return None;
        }
        let detector = (self.detector)(peer);
        let mut connection = Watched::tcp(stream, detector).peer(peer);
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
