//! How a server is set up.

use std::net::SocketAddr;
use std::sync::Arc;

use ayt_core::session::registry::{Policy, Registry};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::mpsc;

use super::auth::{Authentication, Keys};
use super::book::Book;
use super::config::{BadLimit, Limits};
use super::log;
use super::shared::{Parts, Shared, random};
use super::{Server, alarms, tasks};
use crate::session::BadSockets;
use crate::session::sockets::Sockets;
use crate::session::store::{Alone, Node, SessionStore};
#[cfg(feature = "tls")]
use crate::tls::{BadAlpn, rustls};

/// Sets up a [`Server`]. How clients prove who they are must be said: with
/// [`Self::keys`], [`Self::certificates`], or, in so many words,
/// [`Self::without_authentication`].
#[derive(Debug, Default)]
pub struct ServerBuilder {
    authentication: Option<Authentication>,
    policy: Option<Policy>,
    limits: Limits,
    store: Option<Arc<dyn SessionStore>>,
    node: Option<Node>,
    pub(super) sockets: Sockets,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was not said how clients prove who they are.
    #[error(
        "it is not said how clients prove who they are: call keys(), certificates() or \
         without_authentication()"
    )]
    NoAuthentication,
    /// A setting that cannot be.
    #[error(transparent)]
    Limit(#[from] BadLimit),
    /// Keepalive settings that cannot be had.
    #[error(transparent)]
    Sockets(#[from] BadSockets),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address, as far as it is known.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Clients prove themselves by their TLS certificates, and the listener does no TLS.
    #[error(
        "clients prove themselves by TLS certificates, which cannot come over a listener \
         without TLS: call tls(), or start() without a listener"
    )]
    CertificatesWithoutTls,
    /// The TLS configuration speaks other protocols only.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Alpn(#[from] BadAlpn),
    /// The operating system gives no random bits.
    #[error("no random bits from the operating system: {0}")]
    Random(String),
}

impl ServerBuilder {
    /// Both sides prove that they have the identity's key (method 1, HMAC-SHA-256).
    #[must_use]
    pub fn keys(mut self, keys: impl Keys) -> Self {
        self.authentication = Some(Authentication::Keys(Arc::new(keys)));
        self
    }

    /// The client's TLS certificate has proved who it is (method 2): `names` says
    /// whether a verified end-entity certificate (DER, RFC 5280) is that of an identity.
    /// It is called on a task of the runtime, so it must not block. Connections without
    /// a certificate are refused.
    ///
    /// The connections come over TLS: with the feature `tls` and `tls()` those of the
    /// listener, whose configuration must ask clients for a certificate
    /// (`with_client_cert_verifier`); in any case by [`Server::serve_verified`].
    #[must_use]
    pub fn certificates(
        mut self,
        names: impl Fn(&[u8], &[u8]) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.authentication = Some(Authentication::Certificates(Arc::new(names)));
        self
    }

    /// Nobody proves anything (method 0): whoever knows an identity takes it over, and
    /// whoever listens in can resume. For tests, and for networks in which everybody is
    /// trusted. The server says so in its log when it starts.
    #[must_use]
    pub fn without_authentication(mut self) -> Self {
        self.authentication = Some(Authentication::None);
        self
    }

    /// The listener's connections do a TLS handshake first, as those given to
    /// [`Server::serve_tls`] do. It has the registration deadline together with the
    /// registration ([`Limits::registration`]), and until its end a connection counts
    /// among those that have not registered. Failures are counted in
    /// [`Stats::tls_failed`](super::Stats::tls_failed).
    ///
    /// The configuration is used with ALPN `ayt/1`, and without early data and TLS
    /// resumption: [`ayt::tls`](crate::tls) says why. A certificate that was verified
    /// goes to [`Self::certificates`], if that is how clients prove themselves;
    /// [`Self::keys`] works over TLS as well, with or without client certificates.
    ///
    /// In the handshake a connection costs up to 64 KiB beyond what it costs without
    /// (the longest message of a handshake that rustls takes).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Who stays when an identity registers a second time while it is connected:
    /// default [`Policy::Newest`], because what a device lost without a word is its
    /// old connection. Across servers that share a store, [`Policy::Oldest`] and
    /// [`Policy::Verify`] both leave the identity with the server that holds its
    /// connection, until that finds it dead.
    #[must_use]
    pub fn takeover(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Bounds and times.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where it is kept who holds which identity, for servers that share them. Default:
    /// nowhere but in this server, which shares them with nobody.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// This server's name in the store: default a random one. Two servers that share a
    /// store must not have the same.
    #[must_use]
    pub fn node(mut self, node: Node) -> Self {
        self.node = Some(node);
        self
    }

    /// Listens on an address and starts. Port 0 takes a free one:
    /// [`Server::local_addr`].
    ///
    /// Not cancel safe: where the future is dropped, there is no server.
    ///
    /// # Errors
    /// A setting that cannot be, or the address cannot be listened on.
    pub async fn bind(
        self,
        address: impl ToSocketAddrs + std::fmt::Debug,
    ) -> Result<Server, StartError> {
        self.limits.check()?;
        let name = format!("{address:?}");
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| StartError::Bind {
            address: name,
            source,
        })?;
        self.serve(listener)
    }

    /// Starts on a listener. Must be called within a tokio runtime with time and I/O
    /// enabled.
    ///
    /// # Errors
    /// A setting that cannot be, or the listener has no address.
    pub fn serve(self, listener: TcpListener) -> Result<Server, StartError> {
        if matches!(self.authentication, Some(Authentication::Certificates(_))) && !self.has_tls() {
            return Err(StartError::CertificatesWithoutTls);
        }
        let local = listener.local_addr().map_err(|source| StartError::Bind {
            address: "the given listener".to_owned(),
            source,
        })?;
        let server = self.start_at(Some(local))?;
        let shared = server.shared.clone();
        shared.spawn(tasks::accept(shared.clone(), listener));
        Ok(server)
    }

    /// Starts without a listener: connections come by
    /// [`Server::serve_connection`]. Must be called within a tokio runtime with time
    /// enabled.
    ///
    /// # Errors
    /// A setting that cannot be.
    pub fn start(self) -> Result<Server, StartError> {
        self.start_at(None)
    }

    #[cfg(feature = "tls")]
    const fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    const fn has_tls(&self) -> bool {
        false
    }

    fn start_at(self, local: Option<SocketAddr>) -> Result<Server, StartError> {
        let terms = self.limits.check()?;
        self.sockets.check()?;
        let authentication = self.authentication.ok_or(StartError::NoAuthentication)?;
        #[cfg(feature = "tls")]
        let tls = match &self.tls {
            Some(config) => Some(crate::tls::for_server(config)?.into()),
            None => None,
        };
        let policy = self.policy.unwrap_or(Policy::Newest);
        let store = self.store.unwrap_or_else(|| Arc::new(Alone));
        let node = match self.node {
            Some(node) => node,
            None => {
                let bits = random().map_err(|error| StartError::Random(error.to_string()))?;
                Node::new(&format!("{:032x}", u128::from_be_bytes(bits)))
            }
        };
        let last_epoch = unix_ms();
        let registry = Registry::new(self.limits.registry(policy), last_epoch);
        let (queue, sessions) = mpsc::channel(self.limits.backlog);
        let kicks = store.kicks(&node);
        let shared = Shared::new(Parts {
            limits: self.limits,
            terms,
            policy,
            sockets: self.sockets,
            authentication,
            #[cfg(feature = "tls")]
            tls,
            store,
            node,
            last_epoch,
            queue,
            book: Book::new(registry),
        });
        if matches!(shared.authentication, Authentication::None) {
            log::unauthenticated(local);
        }
        let ringing = shared.clone();
        shared.spawn(async move { alarms::ring(&ringing.alarms, ringing.clock).await });
        shared.spawn(tasks::keep_time(shared.clone()));
        shared.spawn(tasks::mirror(shared.clone()));
        shared.spawn(tasks::hear_kicks(shared.clone(), kicks));
        Ok(Server {
            shared,
            sessions: tokio::sync::Mutex::new(sessions),
            local,
        })
    }
}

/// Epochs grow over a restart too, as long as the clock does not go back.
#[expect(
    clippy::disallowed_methods,
    reason = "the first epoch of a server, once, when it starts"
)]
fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
