//! How clients prove who they are.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::{Future, ready};
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Arc;

use ayt_core::session::frame::Method;
use ayt_core::session::proof::Key;
use bytes::Bytes;

/// Why a key cannot be looked up. The client is refused as `overloaded` and may come
/// back; the reason goes to the log, not to the client.
pub type KeyError = Box<dyn std::error::Error + Send + Sync>;

/// What a key lookup gives: a future that can be kept behind a pointer.
pub type KeyAnswer<'a> = Pin<Box<dyn Future<Output = Result<Option<Key>, KeyError>> + Send + 'a>>;

/// The keys of all identities.
///
/// Implemented for maps from the identity to its key, and for functions that give a
/// future:
///
/// ```
/// use ayt::session::Key;
/// use ayt::session::server::{KeyError, Keys};
/// use bytes::Bytes;
///
/// async fn lookup(identity: Bytes) -> Result<Option<Key>, KeyError> {
///     match &identity[..] {
///         b"sensor-7" => Ok(Some(Key::new(&[7; 32])?)),
///         _ => Ok(None),
///     }
/// }
/// fn takes(_: impl Keys) {}
/// takes(lookup);
/// ```
///
/// **Time tells.** The server does the same work for an identity it does not know; a
/// lookup that is slower for one kind than for the other still tells strangers who
/// exists.
///
/// The future is dropped when the registration's deadline comes or the client leaves.
pub trait Keys: Send + Sync + 'static {
    /// The key of an identity, 1 to 128 bytes of anything; `None` where it does not
    /// exist.
    ///
    /// # Errors
    /// It cannot be looked up now.
    fn key<'a>(&'a self, identity: &'a Bytes) -> KeyAnswer<'a>;
}

impl<S: BuildHasher + Send + Sync + 'static> Keys for HashMap<Bytes, Key, S> {
    fn key<'a>(&'a self, identity: &'a Bytes) -> KeyAnswer<'a> {
        Box::pin(ready(Ok(self.get(identity).cloned())))
    }
}

impl Keys for BTreeMap<Bytes, Key> {
    fn key<'a>(&'a self, identity: &'a Bytes) -> KeyAnswer<'a> {
        Box::pin(ready(Ok(self.get(identity).cloned())))
    }
}

impl<F, A> Keys for F
where
    F: Fn(Bytes) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<Key>, KeyError>> + Send + 'static,
{
    fn key<'a>(&'a self, identity: &'a Bytes) -> KeyAnswer<'a> {
        Box::pin(self(identity.clone()))
    }
}

/// Whether a certificate (DER, verified by TLS) is that of an identity.
type Names = dyn Fn(&[u8], &[u8]) -> bool + Send + Sync;

/// The one method of a server.
#[derive(Clone)]
pub(super) enum Authentication {
    /// Nobody proves anything.
    None,
    /// Both sides prove that they have the identity's key.
    Keys(Arc<dyn Keys>),
    /// TLS has proved it.
    Certificates(Arc<Names>),
}

impl Authentication {
    pub(super) const fn method(&self) -> Method {
        match self {
            Self::None => Method::None,
            Self::Keys(_) => Method::Hmac,
            Self::Certificates(_) => Method::Certificate,
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Keys(_) => "Keys(..)",
            Self::Certificates(_) => "Certificates(..)",
        })
    }
}
