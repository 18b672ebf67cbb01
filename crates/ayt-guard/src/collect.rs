//! One look at the host.

use std::time::Duration;

use ayt_core::facts::HostFacts;
use ayt_core::filter::Filter;

/// What to gather.
#[derive(Debug, Clone, Default)]
pub struct Collect {
    /// Keep only sockets that match; conditions the kernel can judge are given
    /// to it.
    pub filter: Filter,
    /// Ask each descriptor for its exact keepalive settings.
    pub exact: Exact,
    /// What the doctor needs beyond a list: sysctls, counters, limits, a second
    /// look after this long where connections wait in an accept queue, what
    /// threads are blocked in, descriptors of ended connections.
    pub doctor: Option<Duration>,
}

/// Whether to read exact keepalive settings through `pidfd_getfd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exact {
    /// Where at most [`Exact::AUTO_LIMIT`] sockets match.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: the settings are `Unknown(NotAsked)`.
    Never,
}

impl Exact {
    /// See [`Exact::Auto`].
    pub const AUTO_LIMIT: usize = 10_000;
}

/// Nothing could be seen at all.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Not Linux.
    #[error("this command needs Linux: it asks the Linux kernel through sock_diag and /proc")]
    NeedsLinux,
    /// The kernel refused to list sockets.
    #[error("{operation}: {error}; {remedy}")]
    Refused {
        /// What was tried.
        operation: String,
        /// What came back.
        error: String,
        /// What would help.
        remedy: String,
    },
}

/// Looks at the host.
///
/// # Errors
/// When no socket table could be read at all; what was only hidden in part is
/// in [`HostFacts::partial`](ayt_core::facts::HostParts::partial).
pub fn collect(_what: &Collect) -> Result<HostFacts, CollectError> {
    Err(CollectError::NeedsLinux)
}
