//! What a session's connection runs over.

use std::any::Any;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A transport: a stream of bytes in both directions.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {
    /// See [`tcp_below`].
    fn tcp(&self) -> Option<&TcpStream>;
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {
    fn tcp(&self) -> Option<&TcpStream> {
        tcp_below(self)
    }
}

pub(crate) type BoxedIo = Box<dyn Io>;

/// The TCP socket below a transport: itself, or that below its TLS. `None` where it is
/// not known how to reach one. Costs no memory: the type alone says it.
pub(crate) fn tcp_below<S: 'static>(io: &S) -> Option<&TcpStream> {
    let io: &dyn Any = io;
    if let Some(tcp) = io.downcast_ref::<TcpStream>() {
        return Some(tcp);
    }
    if let Some(boxed) = io.downcast_ref::<BoxedIo>() {
        return (**boxed).tcp();
    }
    #[cfg(feature = "tls")]
    {
        below_tls(io)
    }
    #[cfg(not(feature = "tls"))]
    None
}

#[cfg(feature = "tls")]
fn below_tls(io: &dyn Any) -> Option<&TcpStream> {
    use crate::tls::Counted;
    use tokio_rustls::{TlsStream, client, server};

    // This crate's own.
    if let Some(tls) = io.downcast_ref::<server::TlsStream<Counted<TcpStream>>>() {
        return Some(tls.get_ref().0.get_ref());
    }
    if let Some(tls) = io.downcast_ref::<client::TlsStream<Counted<BoxedIo>>>() {
        return (**tls.get_ref().0.get_ref()).tcp();
    }
    // What a program brings.
    if let Some(tls) = io.downcast_ref::<server::TlsStream<TcpStream>>() {
        return Some(tls.get_ref().0);
    }
    if let Some(tls) = io.downcast_ref::<client::TlsStream<TcpStream>>() {
        return Some(tls.get_ref().0);
    }
    let tls = io.downcast_ref::<TlsStream<TcpStream>>()?;
    Some(tls.get_ref().0)
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (far, near) = tokio::join!(TcpStream::connect(address), listener.accept());
        (far.unwrap(), near.unwrap().0)
    }

    #[tokio::test]
    async fn the_socket_is_found_below_what_hides_its_type() {
        let (tcp, _near) = pair().await;
        let port = tcp.local_addr().unwrap().port();
        let boxed: BoxedIo = Box::new(tcp);
        let twice: BoxedIo = Box::new(boxed);
        let found = tcp_below(&twice).and_then(|tcp| tcp.local_addr().ok());
        assert_eq!(found.map(|address| address.port()), Some(port));
        let (memory, _other) = tokio::io::duplex(64);
        assert!(tcp_below(&memory).is_none());
    }
}
