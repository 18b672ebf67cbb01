//! TLS before the registration.

use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::connect::Dialed;
use super::loss::Loss;
use crate::session::driver::Below;
use crate::session::transport::BoxedIo;
use crate::tls::rustls::pki_types::ServerName;
use crate::tls::{Counted, TlsError};

/// How a client speaks TLS.
pub(super) struct Tls {
    connector: TlsConnector,
    /// Of each address, or one for all.
    names: Vec<ServerName<'static>>,
    pub(super) failure_stops: bool,
}

impl Tls {
    pub(super) const fn new(
        connector: TlsConnector,
        names: Vec<ServerName<'static>>,
        failure_stops: bool,
    ) -> Self {
        Self {
            connector,
            names,
            failure_stops,
        }
    }

    /// Does the handshake, with a server whose certificate is of the name.
    pub(super) async fn secure(
        &self,
        dialed: Dialed,
        until: Instant,
    ) -> Result<(BoxedIo, Below), Loss> {
        let name = self.names.get(dialed.address).or(self.names.first());
        let Some(name) = name.cloned() else {
            return Err(Loss::Closed);
        };
        let below = Below::counting();
        let io = Counted::new(dialed.io, below.clone());
        match timeout_at(until, self.connector.connect(name, io)).await {
            Ok(Ok(io)) => Ok((Box::new(io), below)),
            Ok(Err(error)) => Err(Loss::Tls(TlsError::of(error))),
            Err(_) => Err(Loss::Tls(TlsError::too_late())),
        }
    }
}
