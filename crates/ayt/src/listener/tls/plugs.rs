//! The listener over TLS in the libraries that people use.

#[cfg(feature = "axum")]
mod in_axum {
    use std::future::pending;
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use ::axum::extract::connect_info::Connected;
    use ::axum::serve::{IncomingStream, Listener as AxumListener};
    use ayt_core::detectors::Detector;

    use super::super::{TlsConnection, TlsListener};
    use crate::watched::Handle;

    /// In `axum::serve`, as the plain one: stop it by
    /// `with_graceful_shutdown(stopper.stopped())`.
    impl<D: Detector + Send + 'static> AxumListener for TlsListener<D> {
        type Io = TlsConnection<D>;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> (Self::Io, Self::Addr) {
            // A connection that was reset in the meantime has no address any more.
            const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
            match TlsListener::accept(self).await {
                Ok(connection) => {
                    let peer = connection.peer_addr().unwrap_or(UNKNOWN);
                    (connection, peer)
                }
                Err(_) => pending().await,
            }
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Self::local_addr(self)
        }
    }

    impl<D: Detector + Send + 'static> Connected<IncomingStream<'_, TlsListener<D>>> for Handle {
        fn connect_info(stream: IncomingStream<'_, TlsListener<D>>) -> Self {
            stream.io().handle()
        }
    }
}

#[cfg(feature = "hyper")]
mod in_hyper {
    use ayt_core::detectors::Detector;
    use hyper_util::rt::TokioIo;

    use super::super::{TlsConnection, TlsListener};
    use crate::listener::AcceptError;

    impl<D: Detector + Send + 'static> TlsListener<D> {
        /// The next connection as hyper's io, for `hyper::server::conn`.
        ///
        /// # Errors
        /// As [`TlsListener::accept`].
        ///
        /// # Cancel safety
        /// Cancel safe.
        pub async fn accept_io(&mut self) -> Result<TokioIo<TlsConnection<D>>, AcceptError> {
            self.accept().await.map(TokioIo::new)
        }
    }
}

#[cfg(feature = "tonic")]
mod in_tonic {
    use std::fmt;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, ready};

    use ::tonic::transport::server::{Connected, TcpConnectInfo};
    use ayt_core::detectors::Detector;
    use futures_core::Stream;

    use super::super::{TlsConnection, TlsListener};
    use crate::listener::AcceptError;
    use crate::tls::rustls::pki_types::CertificateDer;
    use crate::watched::Handle;

    type Accepted<D> = Result<TlsConnection<D>, AcceptError>;
    type Next<D> = Pin<Box<dyn Future<Output = (TlsListener<D>, Accepted<D>)> + Send>>;

    /// A listener's connections over TLS as a stream; see
    /// [`Incoming`](crate::listener::Incoming). tonic speaks HTTP/2: `h2` belongs in
    /// the configuration's `alpn_protocols`.
    pub struct TlsIncoming<D> {
        next: Option<Next<D>>,
    }

    impl<D: Detector + Send + 'static> TlsListener<D> {
        /// Turns it into a stream of connections.
        #[must_use]
        pub fn incoming(self) -> TlsIncoming<D> {
            TlsIncoming {
                next: Some(next(self)),
            }
        }
    }

    fn next<D: Detector + Send + 'static>(mut listener: TlsListener<D>) -> Next<D> {
        Box::pin(async move {
            let accepted = listener.accept().await;
            (listener, accepted)
        })
    }

    impl<D: Detector + Send + 'static> Stream for TlsIncoming<D> {
        type Item = Accepted<D>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let Some(waiting) = &mut self.next else {
                return Poll::Ready(None);
            };
            let (listener, accepted) = ready!(waiting.as_mut().poll(cx));
            self.next = accepted.is_ok().then(|| next(listener));
            Poll::Ready(match accepted {
                Err(AcceptError::Stopped) => None,
                accepted => Some(accepted),
            })
        }
    }

    impl<D> fmt::Debug for TlsIncoming<D> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("TlsIncoming").finish_non_exhaustive()
        }
    }

    /// What a request's extensions have of its connection.
    #[derive(Debug, Clone)]
    pub struct TlsConnectInfo {
        /// The addresses.
        pub tcp: TcpConnectInfo,
        /// The handle: to register it, hold its detector, end it.
        pub handle: Handle,
        /// The client's certificates, verified, its own first; empty where it sent none.
        pub certificates: Arc<[CertificateDer<'static>]>,
    }

    impl<D> Connected for TlsConnection<D> {
        type ConnectInfo = TlsConnectInfo;

        fn connect_info(&self) -> TlsConnectInfo {
            TlsConnectInfo {
                tcp: self.connection().get_ref().connect_info(),
                handle: self.handle(),
                certificates: self.certificates().unwrap_or_default().into(),
            }
        }
    }
}

#[cfg(feature = "tonic")]
pub use in_tonic::{TlsConnectInfo, TlsIncoming};
