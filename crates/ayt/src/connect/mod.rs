//! The connecting side: within bounds, over all addresses, with a policy and a
//! detector.
//!
//! ```no_run
//! # async fn f() -> Result<(), ayt::connect::ConnectError> {
//! use ayt::connect::Connector;
//!
//! let stream = Connector::new().connect("example.org:7000").await?;
//! # drop(stream);
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `hyper`, a [`Connector`] is the connector of hyper-util's
//! client (`Client::builder(..).build(connector)`), and of tonic's
//! (`Endpoint::connect_with_connector(connector)`). TLS goes on top of it as on top
//! of hyper's own `HttpConnector`, for example by `hyper-rustls`, or by tonic's own
//! `Endpoint::tls_config`; and on its connections by tokio-rustls, with a bound of its own:
//!
//! ```no_run
//! # use tokio_rustls::{TlsConnector, rustls};
//! # async fn f(config: std::sync::Arc<rustls::ClientConfig>) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use ayt::connect::Connector;
//!
//! let tcp = Connector::new().connect("example.org:7000").await?;
//! let tls = TlsConnector::from(config).connect("example.org".try_into()?, tcp);
//! let stream = tokio::time::timeout(Duration::from_secs(10), tls).await??;
//! # drop(stream);
//! # Ok(())
//! # }
//! ```
//!
//! The `Watched` is below TLS there, where [it belongs](crate::watched#over-tls).
//!
//! **reqwest** 0.13 lets nobody else connect: what `connector_layer` is given is
//! reqwest's own connector, and its connections are of a type that cannot be named
//! or made. What can be had there are its socket options: see
//! `ayt::connect::reqwest` (feature `reqwest`).

mod eyeballs;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "reqwest")]
pub mod reqwest;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::detectors::Detector;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::setup::Setup;
use crate::watched::{Never, Watched};

/// How long connecting may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Resolving and connecting together. Default 10 s; Linux alone would wait
    /// about 127 s for an address that is silent (`tcp_syn_retries`).
    pub within: Duration,
    /// How long an address has before the next one is tried beside it. Default
    /// 250 ms, as RFC 8305 section 8 recommends.
    pub head_start: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            within: Duration::from_secs(10),
            head_start: Duration::from_millis(250),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name could not be resolved.
    #[error("resolve {target}: {source}")]
    Resolve {
        /// What was to be connected to.
        target: String,
        /// What the resolver answered.
        source: io::Error,
    },
    /// The target names no host and port.
    #[error("connect to {target}: it names no host and port")]
    BadTarget {
        /// What was given.
        target: String,
    },
    /// Every address failed.
    #[error("connect to {target}: {}", listed(.failed))]
    Failed {
        /// What was to be connected to.
        target: String,
        /// Each address with its error; empty when the name has none.
        failed: Vec<(SocketAddr, io::Error)>,
    },
    /// [`Bounds::within`] was over.
    #[error("connect to {target}: no answer within {within:?}{}", also(.failed))]
    TimedOut {
        /// What was to be connected to.
        target: String,
        /// The bound.
        within: Duration,
        /// The addresses that had failed by then.
        failed: Vec<(SocketAddr, io::Error)>,
    },
    /// The hook that sets socket options failed.
    #[error("set up the socket connected to {address}: {source}")]
    Socket {
        /// The peer.
        address: SocketAddr,
        /// What the hook answered.
        source: io::Error,
    },
}

fn listed(failed: &[(SocketAddr, io::Error)]) -> String {
    if failed.is_empty() {
        return "the name has no address".to_owned();
    }
    let list: Vec<String> = failed
        .iter()
        .map(|(address, error)| format!("{address}: {error}"))
        .collect();
    list.join("; ")
}

fn also(failed: &[(SocketAddr, io::Error)]) -> String {
    if failed.is_empty() {
        return String::new();
    }
    format!(" ({})", listed(failed))
}

impl ConnectError {
    /// The kind, as of the [`io::Error`] this becomes.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Resolve { source, .. } | Self::Socket { source, .. } => source.kind(),
            Self::BadTarget { .. } => io::ErrorKind::InvalidInput,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::Failed { failed, .. } => failed
                .first()
                .map_or(io::ErrorKind::NotFound, |(_, error)| error.kind()),
        }
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Connects; see the [module's page](self). Cheap to clone.
pub struct Connector<D = Never> {
    bounds: Bounds,
    setup: Setup<D>,
}

impl Connector<Never> {
    /// With [`Bounds::default`], no policy and no detector.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bounds: Bounds::default(),
            setup: Setup::new(),
        }
    }
}

impl Default for Connector<Never> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Detector> Connector<D> {
    /// Bounds the time.
    #[must_use]
    pub const fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Sets options, such as a keepalive policy, on each connected socket. Where it
    /// fails, connecting does.
    #[must_use]
    pub fn on_socket(
        mut self,
        set: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.setup.on_socket(set);
        self
    }

    /// Applies a keepalive policy to each socket, in place of
    /// [`Self::on_socket`]; connecting fails where that does. What this system cannot do
    /// of it is no failure: [`keepalive::apply`](crate::keepalive::apply)
    /// tells it where that matters.
    #[cfg(any(unix, windows))]
    #[must_use]
    pub fn keepalive(mut self, policy: crate::keepalive::Policy) -> Self {
        self.setup.keepalive(policy);
        self
    }

    /// Watches each connection with a detector of its own, made with
    /// [`Duration::ZERO`]; [`detectors`](crate::detectors) says which.
    #[must_use]
    pub fn detector<E: Detector>(
        self,
        detector: impl Fn(SocketAddr) -> E + Send + Sync + 'static,
    ) -> Connector<E> {
        Connector {
            bounds: self.bounds,
            setup: self.setup.detector(detector),
        }
    }

    /// Connects to `host:port`; the host is a name, an IPv4 address, or an IPv6
    /// address in brackets.
    ///
    /// # Errors
    /// [`ConnectError`], with every address that was tried.
    ///
    /// # Cancel safety
    /// Dropping the future drops all attempts.
    pub async fn connect(&self, target: &str) -> Result<Watched<TcpStream, D>, ConnectError> {
        let resolve = async {
            let addresses = lookup_host(target)
                .await
                .map_err(|source| match source.kind() {
                    io::ErrorKind::InvalidInput => ConnectError::BadTarget {
                        target: target.to_owned(),
                    },
                    _ => ConnectError::Resolve {
                        target: target.to_owned(),
                        source,
                    },
                })?;
            Ok(addresses.collect())
        };
        self.run(target, resolve).await
    }

    /// Connects to the first of these addresses that answers, in the order of
    /// RFC 8305.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    ///
    /// # Cancel safety
    /// Dropping the future drops all attempts.
    pub async fn connect_to(
        &self,
        addresses: &[SocketAddr],
    ) -> Result<Watched<TcpStream, D>, ConnectError> {
        let target = match addresses {
            [one] => one.to_string(),
            many => format!("{many:?}"),
        };
        let addresses = addresses.to_vec();
        self.run(&target, async { Ok(addresses) }).await
    }

    async fn run(
        &self,
        target: &str,
        resolve: impl Future<Output = Result<Vec<SocketAddr>, ConnectError>>,
    ) -> Result<Watched<TcpStream, D>, ConnectError> {
        let mut failed = Vec::new();
        let connect = async {
            let addresses = resolve.await?;
            Ok(eyeballs::race(addresses, self.bounds.head_start, &mut failed).await)
        };
        let within = self.bounds.within;
        let connected = timeout(within, connect).await;
        let target = || target.to_owned();
        match connected {
            Ok(Ok(Some((address, stream)))) => self.watch(address, stream),
            Ok(Ok(None)) => Err(ConnectError::Failed {
                target: target(),
                failed,
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ConnectError::TimedOut {
                target: target(),
                within,
                failed,
            }),
        }
    }

    fn watch(
        &self,
        address: SocketAddr,
        stream: TcpStream,
    ) -> Result<Watched<TcpStream, D>, ConnectError> {
        self.setup
            .prepare(&stream)
            .map_err(|source| ConnectError::Socket { address, source })?;
        Ok(self.setup.watch(stream, address))
    }
}

impl<D> Clone for Connector<D> {
    fn clone(&self) -> Self {
        Self {
            bounds: self.bounds,
            setup: self.setup.clone(),
        }
    }
}

impl<D> fmt::Debug for Connector<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
