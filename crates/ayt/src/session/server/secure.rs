//! TLS before the registration, and within its deadline.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::{LINGER, Newcomer, Whose, enter, serve};
use super::log;
use super::shared::Shared;
use crate::session::driver::Below;
use crate::tls::{Counted, TlsError};

/// Takes a connection on that begins with TLS, or closes it at once: without TLS no
/// refusal could be said that its client would believe.
pub(super) fn admit<S>(shared: &Arc<Shared>, io: S, peer: SocketAddr, whose: Whose) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(acceptor) = shared.tls.clone() else {
        return false;
    };
    let Ok(place) = enter(shared, peer) else {
        return false;
    };
    let newcomer = Newcomer::new(shared, (peer, whose), place);
    shared.spawn(secure(shared.clone(), acceptor, io, newcomer));
    true
}

async fn secure<S>(shared: Arc<Shared>, acceptor: TlsAcceptor, io: S, mut newcomer: Newcomer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let below = Below::counting();
    let io = Counted::new(io, below.clone());
    // Boxed: what a handshake needs is given back before the session begins.
    let handshake = Box::pin(timeout_at(
        newcomer.deadline,
        acceptor.accept(io).into_fallible(),
    ));
    let shaken = tokio::select! {
        biased;
        () = shared.closes() => return,
        shaken = handshake => shaken,
    };
    let (error, left) = match shaken {
        Ok(Ok(io)) => {
            newcomer.certificate = certificate(&io);
            newcomer.below = below;
            serve(shared, io, newcomer).await;
            return;
        }
        Ok(Err((error, io))) => (TlsError::of(error), Some(io)),
        Err(_) => (TlsError::too_late(), None),
    };
    shared.counters.tls_failed(error.failure());
    log::tls(newcomer.peer, &error);
    if let Some(io) = left {
        // The place is held until it is gone.
        let _ = timeout(LINGER, part(io)).await;
    }
}

/// The client's own certificate (RFC 8446, 4.4.2: the first of the list).
fn certificate<S>(io: &TlsStream<S>) -> Option<Vec<u8>> {
    let (_, connection) = io.get_ref();
    let list = connection.peer_certificates()?;
    list.first().map(|certificate| certificate.to_vec())
}

/// Reads on after the alert that says what is wrong: closing with bytes unread would be
/// a reset that overtakes it.
async fn part(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = io.shutdown().await;
    let mut scratch = [0; 1_024];
    while let Ok(1..) = io.read(&mut scratch).await {}
}
