//! One connection over TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use ayt_core::detectors::Detector;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::listener::Connection;
use crate::through::write_through;
use crate::tls::rustls::{ServerConnection, pki_types::CertificateDer};
use crate::watched::{Handle, Never};

/// A connection over TLS as the listener hands it out: reads and writes what TLS
/// carries. The [`Watched`](crate::watched::Watched) is below TLS, so that every byte of
/// the peer's is a sign of life, and ends are told by the same causes; reach it by
/// [`Self::handle`] and [`Self::connection`].
#[derive(Debug)]
pub struct TlsConnection<D = Never> {
    io: TlsStream<Connection<D>>,
    /// The next byte registers it.
    at_first_byte: bool,
}

impl<D> TlsConnection<D> {
    pub(super) const fn new(io: TlsStream<Connection<D>>, at_first_byte: bool) -> Self {
        Self { io, at_first_byte }
    }

    /// The handle, for those who may end it, register it or hold its detector.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.connection().handle()
    }

    /// The watched connection below TLS. Its `bytes_received` and `bytes_sent` are
    /// those of TLS.
    #[must_use]
    pub fn connection(&self) -> &Connection<D> {
        self.io.get_ref().0
    }

    /// What TLS has agreed on: version, cipher, ALPN, name.
    #[must_use]
    pub fn tls(&self) -> &ServerConnection {
        self.io.get_ref().1
    }

    /// The client's certificates, verified; its own is the first. `None` where it has
    /// sent none.
    #[must_use]
    pub fn certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.tls().peer_certificates()
    }

    /// The peer's address, where it is known.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.connection().peer_addr()
    }

    /// The stream of tokio-rustls. Where the first byte was still to register the
    /// connection it is registered by this: nobody would see that byte. After
    /// [`register_explicitly`](crate::listener::Listener::register_explicitly) it is not.
    #[must_use]
    pub fn into_inner(self) -> TlsStream<Connection<D>> {
        if self.at_first_byte {
            self.handle().registered();
        }
        self.io
    }
}

impl<D: Detector> AsyncRead for TlsConnection<D> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        if self.at_first_byte && buffer.filled().len() > before {
            self.at_first_byte = false;
            self.handle().registered();
        }
        polled
    }
}

impl<D: Detector> AsyncWrite for TlsConnection<D> {
    write_through!(io);
}
