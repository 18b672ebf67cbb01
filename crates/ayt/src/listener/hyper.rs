//! For hyper's own servers.

use ayt_core::detectors::Detector;
use hyper_util::rt::TokioIo;

use super::{AcceptError, Connection, Listener};

impl<D: Detector> Listener<D> {
    /// The next connection as hyper's io, for `hyper::server::conn`.
    ///
    /// # Errors
    /// As [`Listener::accept`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn accept_io(&mut self) -> Result<TokioIo<Connection<D>>, AcceptError> {
        self.accept().await.map(TokioIo::new)
    }
}
