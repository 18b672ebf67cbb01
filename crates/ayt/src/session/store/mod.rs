//! Who owns an identity, where several servers share the answer.
//!
//! One server by itself needs none: its own registry knows. Several that serve
//! the same identities share a [`SessionStore`], [`Memory`] within one process: a record for each identity, changed by
//! compare and set only, and a way to tell the server that held it before that it has
//! lost it. Messages do not travel through it: a session lives on the server that
//! began it, and a client that comes back to another one is told that its session is
//! gone.
//!
//! # What a store must keep
//!
//! 1. [`SessionStore::compare_and_set`] is atomic: of two at once one loses.
//! 2. A record stays until it is changed or forgotten. One of a server that died
//!    without a word is to be removed when that server's own lease in the engine runs
//!    out; ayt forgets its records on a graceful shutdown only.
//! 3. A kick is delivered at least once to a server that listens. One that comes late,
//!    or twice, does nothing: it names an epoch.

mod alone;
#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;
mod memory;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use alone::Alone;
pub use memory::Memory;

/// What a store's call gives: a future that can be kept behind a pointer.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One server among those that share a store, by a name of its own: 1 byte or more,
/// and as the engine behind the store allows. Without one given, a server draws a
/// random one when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(Arc<str>);

impl Node {
    /// A node of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Who holds an identity's session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    /// The server.
    pub node: Node,
    /// The session's epoch: larger with each registration and each resume.
    pub epoch: u64,
    /// It has a connection. Where it has none, it waits to be resumed, and any server
    /// may take the identity over whatever its policy.
    pub connected: bool,
}

/// A server is to let an identity go: another one has it now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kick {
    /// Whose session.
    pub identity: Bytes,
    /// Its epoch: a session with a larger one was registered since, and stays.
    pub epoch: u64,
}

/// The store cannot answer. A registration that needs it is refused as `overloaded`:
/// nobody is admitted on a guess.
#[derive(Debug, Clone)]
pub struct Unavailable(pub Arc<dyn std::error::Error + Send + Sync>);

impl Unavailable {
    /// For this reason.
    pub fn new(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Arc::from(why.into()))
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session store does not answer: {}", self.0)
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// A compare-and-set that did not set.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Conflict {
    /// The record is another by now; nothing has changed.
    #[error("another server was faster: the record is {0:?} by now")]
    Changed(Option<Record>),
    /// The store cannot answer. The record may have been set: it is read again before
    /// anything is decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The kicks for one server, in order.
pub trait Kicks: Send {
    /// The next one; `None` when there will be none any more.
    ///
    /// Must be cancel safe: a future that is dropped before it is ready has taken
    /// nothing.
    fn next(&mut self) -> Answer<'_, Option<Kick>>;
}

/// Records of who holds which identity. See [the module](self) for what it must keep.
///
/// It is used as `Arc<dyn SessionStore>`, so that an engine across hosts can take the
/// place of [`Memory`] without a change for callers. Every call may take its time; a
/// registration as a whole has its deadline. All futures may be dropped at any time: a
/// compare-and-set that was dropped may have been done or not.
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Who holds the identity; `None` where nobody does.
    ///
    /// # Errors
    /// The store cannot answer.
    fn get<'a>(&'a self, identity: &'a Bytes) -> Answer<'a, Result<Option<Record>, Unavailable>>;

    /// Sets the record to `new` if it is `expected`, in one step.
    ///
    /// # Errors
    /// It is another, or the store cannot answer.
    fn compare_and_set<'a>(
        &'a self,
        identity: &'a Bytes,
        expected: Option<&'a Record>,
        new: Record,
    ) -> Answer<'a, Result<(), Conflict>>;

    /// Removes the record if it is `expected`; otherwise does nothing.
    ///
    /// # Errors
    /// The store cannot answer.
    fn forget<'a>(
        &'a self,
        identity: &'a Bytes,
        expected: &'a Record,
    ) -> Answer<'a, Result<(), Unavailable>>;

    /// Tells `node` to let the session of this epoch go.
    ///
    /// # Errors
    /// The store cannot answer.
    fn kick<'a>(&'a self, node: &'a Node, kick: Kick) -> Answer<'a, Result<(), Unavailable>>;

    /// The kicks for this node from now on. Called once, when its server starts.
    fn kicks(&self, node: &Node) -> Box<dyn Kicks>;
}
