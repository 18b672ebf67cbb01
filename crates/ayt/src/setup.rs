//! What is done to each socket before it is handed out: options, and a detector.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ayt_core::detectors::Detector;
use tokio::net::TcpStream;

use crate::watched::{Never, Watched};

/// Sets options on a socket that has just been accepted or connected.
pub(crate) type OnSocket = Arc<dyn Fn(&TcpStream) -> io::Result<()> + Send + Sync>;

type NewDetector<D> = Arc<dyn Fn(SocketAddr) -> D + Send + Sync>;

/// What a [`Listener`](crate::listener::Listener) and a
/// [`Connector`](crate::connect::Connector) were told to do.
pub(crate) struct Setup<D> {
    on_socket: Option<OnSocket>,
    detector: NewDetector<D>,
}

impl Setup<Never> {
    /// Nothing.
    pub(crate) fn new() -> Self {
        Self {
            on_socket: None,
            detector: Arc::new(|_| Never),
        }
    }
}

impl<D: Detector> Setup<D> {
    pub(crate) fn detector<E: Detector>(
        self,
        detector: impl Fn(SocketAddr) -> E + Send + Sync + 'static,
    ) -> Setup<E> {
        Setup {
            on_socket: self.on_socket,
            detector: Arc::new(detector),
        }
    }

    pub(crate) fn on_socket(
        &mut self,
        set: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) {
        self.on_socket = Some(Arc::new(set));
    }

    #[cfg(any(unix, windows))]
    pub(crate) fn keepalive(&mut self, policy: crate::keepalive::Policy) {
        self.on_socket(move |socket| {
            let applied = crate::keepalive::apply(socket, &policy);
            applied.map(drop).map_err(io::Error::other)
        });
    }

    /// Sets the options.
    pub(crate) fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        self.on_socket.as_ref().map_or(Ok(()), |set| set(stream))
    }

    /// Puts its detector beside it.
    pub(crate) fn watch(&self, stream: TcpStream, peer: SocketAddr) -> Watched<TcpStream, D> {
        Watched::tcp(stream, (self.detector)(peer)).peer(peer)
    }
}

impl<D> Clone for Setup<D> {
    fn clone(&self) -> Self {
        Self {
            on_socket: self.on_socket.clone(),
            detector: Arc::clone(&self.detector),
        }
    }
}
