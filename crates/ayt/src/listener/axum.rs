//! In `axum::serve`.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ::axum::extract::connect_info::Connected;
use ::axum::serve::{IncomingStream, Listener as AxumListener};
use ayt_core::detectors::Detector;

use super::{AcceptError, Connection, Listener};
use crate::watched::Handle;

/// Takes the place of a `TcpListener` in `axum::serve`. Stop it by
/// `with_graceful_shutdown(stopper.stopped())`; where the socket itself fails,
/// nothing more is accepted, and the [`Stopper`](super::Stopper) stays in charge. After
/// [`register_explicitly`](Listener::register_explicitly) a handler has to register its
/// connection, by `ConnectInfo<Handle>`.
impl<D: Detector + Send + 'static> AxumListener for Listener<D> {
    type Io = Connection<D>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        for_ever(Listener::accept(self), Connection::peer_addr).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

/// axum knows of no last connection: after it, none comes.
pub(super) async fn for_ever<C>(
    accepted: impl Future<Output = Result<C, AcceptError>>,
    peer: impl FnOnce(&C) -> Option<SocketAddr>,
) -> (C, SocketAddr) {
    // A connection that was reset in the meantime has no address any more.
    const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    match accepted.await {
        Ok(connection) => {
            let peer = peer(&connection).unwrap_or(UNKNOWN);
            (connection, peer)
        }
        Err(_) => pending().await,
    }
}

/// `ConnectInfo<Handle>` gives a handler the handle of the connection that its
/// request came over: to hold its detector, to end it, or to register it once the
/// client has said who it is.
impl<D: Detector + Send + 'static> Connected<IncomingStream<'_, Listener<D>>> for Handle {
    fn connect_info(stream: IncomingStream<'_, Listener<D>>) -> Self {
        stream.io().handle()
    }
}
