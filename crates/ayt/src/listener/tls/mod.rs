//! The listener over TLS.

mod connection;
#[cfg(any(feature = "axum", feature = "hyper", feature = "tonic"))]
mod plugs;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ayt_core::detectors::Detector;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

#[cfg(feature = "tonic")]
pub use plugs::{TlsConnectInfo, TlsIncoming};

use super::{AcceptError, Connection, Listener, Stats, Stopper};
use crate::tls::TlsError;
use crate::tls::rustls::ServerConfig;
use crate::trace;
use crate::watched::Never;
pub use connection::TlsConnection;

/// How long the bytes of one whose handshake failed are read, so that closing does not
/// turn into a reset that overtakes the alert.
const LINGER: Duration = Duration::from_secs(1);

/// Accepts connections over TLS; see [`Listener::tls`].
pub struct TlsListener<D = Never> {
    listener: Listener<D>,
    acceptor: TlsAcceptor,
    /// The first byte that TLS carries registers a connection.
    at_first_byte: bool,
    /// Dropped with the listener: each closes its connection then.
    handshakes: JoinSet<Option<TlsConnection<D>>>,
    failed: Arc<AtomicU64>,
}

impl<D: Detector + Send + 'static> Listener<D> {
    /// Does a TLS handshake on each connection, before it is handed out.
    ///
    /// ```no_run
    /// use ayt::listener::Listener;
    /// # use ayt::tls::rustls::ServerConfig;
    /// # async fn f(config: std::sync::Arc<ServerConfig>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut listener = Listener::bind("127.0.0.1:7443").await?.tls(config);
    /// while let Ok(stream) = listener.accept().await {
    ///     tokio::spawn(async move {
    ///         // Read and write.
    /// #       drop(stream);
    ///     });
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Handshakes run beside accepting, each in a task of its own: one that is slow
    /// holds up nobody.
    ///
    /// A connection is registered by the first byte of the application that is read, of
    /// what TLS carries: not by the handshake, which any stranger can do. Until then it
    /// counts for [`Bounds`](super::Bounds), and ends when their age, from accepting, is
    /// over. Where the handshake says who it is, by a client certificate, register it at
    /// once by its [handle](TlsConnection::handle). After
    /// [`register_explicitly`](Self::register_explicitly) only that registers.
    ///
    /// The configuration is taken as it is: ALPN (`h2`, `http/1.1`), tickets and early
    /// data are the program's to say. Early data is not read.
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> TlsListener<D> {
        // Below TLS the first byte would be one of the handshake.
        let at_first_byte = std::mem::take(&mut self.at_first_byte);
        TlsListener {
            listener: self,
            acceptor: config.into(),
            at_first_byte,
            handshakes: JoinSet::new(),
            failed: Arc::default(),
        }
    }
}

impl<D: Detector + Send + 'static> TlsListener<D> {
    /// The next connection whose handshake is over, in the order in which they end.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`AcceptError`]: there will be no more.
    ///
    /// # Cancel safety
    /// Cancel safe: no connection is lost, and the handshakes go on meanwhile.
    pub async fn accept(&mut self) -> Result<TlsConnection<D>, AcceptError> {
        loop {
            tokio::select! {
                biased;
                Some(shaken) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = shaken {
                        return Ok(connection);
                    }
                }
                accepted = self.listener.accept() => {
                    let shaking = shake(
                        self.acceptor.clone(),
                        accepted?,
                        self.at_first_byte,
                        Arc::clone(&self.failed),
                    );
                    self.handshakes.spawn(shaking);
                }
            }
        }
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// When the socket is unusable.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it has done so far, and holds now. Connections count as accepted from
    /// before their handshake.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.listener.stats()
    }

    /// Handshakes that failed or were not over in time.
    #[must_use]
    pub fn failed_handshakes(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Stops it, as [`Listener::stopper`]. Handshakes that go on are broken off when
    /// the listener is dropped.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.listener.stopper()
    }
}

async fn shake<D: Detector>(
    acceptor: TlsAcceptor,
    connection: Connection<D>,
    at_first_byte: bool,
    failed: Arc<AtomicU64>,
) -> Option<TlsConnection<D>> {
    // The connection ends by itself when its age is over.
    let shaken = Box::pin(acceptor.accept(connection).into_fallible()).await;
    match shaken {
        Ok(io) => Some(TlsConnection::new(io, at_first_byte)),
        Err((error, connection)) => {
            failed.fetch_add(1, Relaxed);
            trace::no_tls(connection.peer_addr(), &TlsError::of(error));
            let _ = timeout(LINGER, part(connection)).await;
            None
        }
    }
}

async fn part(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = io.shutdown().await;
    let mut scratch = [0; 1_024];
    while let Ok(1..) = io.read(&mut scratch).await {}
}

impl<D> fmt::Debug for TlsListener<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener")
            .field("listener", &self.listener)
            .field("handshakes", &self.handshakes.len())
            .finish_non_exhaustive()
    }
}
