//! What a client was set up with, checked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::handshake::{ClientSettings, Credential};
use ayt_core::session::reconnect::Pace;

use super::connect::Connector;
use super::random::Random;
use super::saved::Saved;
use super::search::Searching;
use crate::session::sockets::Sockets;

type Storing = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;
/// Stores a secret before it is used.
pub(super) type Store = Box<dyn Fn(Saved) -> Storing + Send + Sync>;

/// What the client's task goes by.
pub(super) struct Settings {
    pub(super) hello: ClientSettings,
    pub(super) credential: Credential,
    pub(super) connector: Connector,
    /// For the sockets of `connector`, where those are this client's own.
    pub(super) sockets: Option<Sockets>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<super::secure::Tls>,
    pub(super) connect_within: Duration,
    pub(super) pace: Pace,
    pub(super) drain: Duration,
    pub(super) close_within: Duration,
    pub(super) doubt_refusals: bool,
    pub(super) store: Option<Store>,
    pub(super) search: Option<Arc<Searching>>,
    pub(super) random: Random,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("hello", &self.hello)
            .field("credential", &self.credential)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
