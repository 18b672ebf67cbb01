//! Sets keepalive on live sockets of running processes, and takes it back.

use std::time::Duration;

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{Cookie, HostFacts, Owner};
use ayt_core::keepalive::{Keepalive, KeepaliveWish};

/// What to set.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// I/V/N; keepalive is switched on.
    pub keepalive: KeepaliveWish,
    /// U; `None` leaves it as it is.
    pub user_timeout: Option<Duration>,
    /// Only show what would be set.
    pub dry_run: bool,
}

/// What came of one socket.
#[derive(Debug, Clone)]
pub struct Armed {
    /// Which connection.
    pub cookie: Cookie,
    /// Through which descriptor.
    pub owner: Option<Owner>,
    /// Settings before, read from the kernel.
    pub before: Fact<Keepalive>,
    /// Settings after, read back from the kernel; in a dry run what they would
    /// be.
    pub after: Fact<Keepalive>,
    /// It was changed (or, in a dry run, would be).
    pub changed: bool,
    /// Why not, where it could not be.
    pub refused: Option<Why>,
}

/// An arm or disarm that could not begin.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {error}; {remedy}")]
pub struct ArmError {
    /// What was tried.
    pub operation: String,
    /// What came back.
    pub error: String,
    /// What would help.
    pub remedy: String,
}

/// Arms the connections `targets` (indexes into `facts.sockets`).
///
/// # Errors
/// When the journal cannot be written; nothing is changed then.
pub fn arm(_facts: &HostFacts, _targets: &[usize], _what: &Arm) -> Result<Vec<Armed>, ArmError> {
    Ok(Vec::new())
}

/// Takes back what [`arm`] set on those of `targets` that the journal names.
///
/// # Errors
/// When the journal cannot be read.
pub fn disarm(
    _facts: &HostFacts,
    _targets: &[usize],
    _dry_run: bool,
) -> Result<Vec<Armed>, ArmError> {
    Ok(Vec::new())
}
