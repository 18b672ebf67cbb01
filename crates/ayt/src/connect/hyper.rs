//! As the connector of hyper's and tonic's clients.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ayt_core::detectors::Detector;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::{ConnectError, Connector};
use crate::watched::{Handle, Watched};

/// Connects to a URI's host, and its port or that of its scheme (80, or 443 for
/// `https`; TLS itself is a layer above).
impl<D: Detector + Send + 'static> Service<Uri> for Connector<D> {
    type Response = TokioIo<Watched<TcpStream, D>>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let Some(target) = target(&uri) else {
                return Err(ConnectError::BadTarget {
                    target: uri.to_string(),
                });
            };
            connector.connect(&target).await.map(TokioIo::new)
        })
    }
}

fn target(uri: &Uri) -> Option<String> {
    let host = uri.host().filter(|host| !host.is_empty())?;
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, _) => 80,
    };
    Some(format!("{host}:{port}"))
}

/// Puts the connection's [`Handle`] among the extensions of each response that
/// came over it.
impl<D> Connection for Watched<TcpStream, D> {
    fn connected(&self) -> Connected {
        let handle: Handle = self.handle();
        Connected::new().extra(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_schemes_unless_said() {
        for (uri, expected) in [
            ("http://example.org/a", Some("example.org:80")),
            ("https://example.org", Some("example.org:443")),
            ("http://example.org:81", Some("example.org:81")),
            ("http://[::1]:82/", Some("[::1]:82")),
            ("/only/a/path", None),
        ] {
            assert_eq!(target(&uri.parse().unwrap()).as_deref(), expected);
        }
    }
}
