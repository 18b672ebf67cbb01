//! The listener over TLS in the libraries that people use.

#[cfg(feature = "axum")]
mod in_axum {
    use std::io;
    use std::net::SocketAddr;

    use ::axum::extract::connect_info::Connected;
    use ::axum::serve::{IncomingStream, Listener as AxumListener};
    use ayt_core::detectors::Detector;

    use super::super::{TlsConnection, TlsListener};
    use crate::listener::axum::for_ever;
    use crate::watched::Handle;

    /// In `axum::serve`, as the plain one: stop it by
    /// `with_graceful_shutdown(stopper.stopped())`.
    impl<D: Detector + Send + 'static> AxumListener for TlsListener<D> {
        type Io = TlsConnection<D>;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> (Self::Io, Self::Addr) {
            for_ever(TlsListener::accept(self), TlsConnection::peer_addr).await
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
    use std::task::{Context, Poll};

    use ::tonic::transport::server::{Connected, TcpConnectInfo};
    use ayt_core::detectors::Detector;
    use futures_core::Stream;

    use super::super::{TlsConnection, TlsListener};
    use crate::listener::AcceptError;
    use crate::listener::tonic::{Accepts, Turns};
    use crate::tls::rustls::pki_types::CertificateDer;
    use crate::watched::Handle;

    /// A listener's connections over TLS as a stream; see
    /// [`Incoming`](crate::listener::Incoming). tonic speaks HTTP/2: `h2` belongs in
    /// the configuration's `alpn_protocols`.
    pub struct TlsIncoming<D> {
        turns: Turns<TlsListener<D>, TlsConnection<D>>,
    }

    impl<D: Detector + Send + 'static> Accepts for TlsListener<D> {
        type Connection = TlsConnection<D>;

        async fn next(&mut self) -> Result<TlsConnection<D>, AcceptError> {
            self.accept().await
        }
    }

    impl<D: Detector + Send + 'static> TlsListener<D> {
        /// Turns it into a stream of connections.
        #[must_use]
        pub fn incoming(self) -> TlsIncoming<D> {
            TlsIncoming {
                turns: Turns::of(self),
            }
        }
    }

    impl<D: Detector + Send + 'static> Stream for TlsIncoming<D> {
        type Item = Result<TlsConnection<D>, AcceptError>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.turns.poll_next(cx)
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
