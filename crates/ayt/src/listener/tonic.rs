//! In tonic's server.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tonic::transport::server::{Connected, TcpConnectInfo};
use ayt_core::detectors::Detector;
use futures_core::Stream;
use tokio::net::TcpStream;

use super::{AcceptError, Connection, Listener};
use crate::watched::{Handle, Watched};

/// Hands out connections.
pub(super) trait Accepts: Send + 'static {
    type Connection: Send;

    /// The next one.
    fn next(&mut self) -> impl Future<Output = Result<Self::Connection, AcceptError>> + Send;
}

type Next<L, C> = Pin<Box<dyn Future<Output = (L, Result<C, AcceptError>)> + Send>>;

/// Takes one connection after another from a listener that it owns.
pub(super) struct Turns<L, C> {
    /// `None` after the last.
    next: Option<Next<L, C>>,
}

impl<L: Accepts> Turns<L, L::Connection> {
    pub(super) fn of(listener: L) -> Self {
        Self {
            next: Some(Self::next(listener)),
        }
    }

    fn next(mut listener: L) -> Next<L, L::Connection> {
        Box::pin(async move {
            let accepted = listener.next().await;
            (listener, accepted)
        })
    }

    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<L::Connection, AcceptError>>> {
        let Some(waiting) = &mut self.next else {
            return Poll::Ready(None);
        };
        let (listener, accepted) = ready!(waiting.as_mut().poll(cx));
        self.next = accepted.is_ok().then(|| Self::next(listener));
        Poll::Ready(match accepted {
            Err(AcceptError::Stopped) => None,
            accepted => Some(accepted),
        })
    }
}

/// A listener's connections as a stream, for
/// `tonic::transport::Server::serve_with_incoming_shutdown`. It ends when the
/// listener is stopped, and with an error when its socket is unusable. After
/// [`register_explicitly`](Listener::register_explicitly) a service has to register its
/// connection, by [`ConnectInfo`].
///
/// Calls and streams may rightly be silent for long. Beside a detector let one side ping,
/// more often than the detector's time: `Server::http2_keepalive_interval` here or
/// `Endpoint::http2_keep_alive_interval` at the client. Pings and their answers are life
/// in both directions.
pub struct Incoming<D> {
    turns: Turns<Listener<D>, Connection<D>>,
}

impl<D: Detector + Send + 'static> Accepts for Listener<D> {
    type Connection = Connection<D>;

    async fn next(&mut self) -> Result<Connection<D>, AcceptError> {
        self.accept().await
    }
}

impl<D: Detector + Send + 'static> Listener<D> {
    /// Turns it into a stream of connections.
    #[must_use]
    pub fn incoming(self) -> Incoming<D> {
        Incoming {
            turns: Turns::of(self),
        }
    }
}

impl<D: Detector + Send + 'static> Stream for Incoming<D> {
    type Item = Result<Connection<D>, AcceptError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.turns.poll_next(cx)
    }
}

impl<D> fmt::Debug for Incoming<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// What a request's extensions have of its connection.
#[derive(Debug, Clone)]
pub struct ConnectInfo {
    /// The addresses.
    pub tcp: TcpConnectInfo,
    /// The handle: to register it, hold its detector, end it.
    pub handle: Handle,
}

impl<D> Connected for Watched<TcpStream, D> {
    type ConnectInfo = ConnectInfo;

    fn connect_info(&self) -> ConnectInfo {
        ConnectInfo {
            tcp: self.get_ref().connect_info(),
            handle: self.handle(),
        }
    }
}
