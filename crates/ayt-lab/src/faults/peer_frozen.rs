//! The peer's program is stopped; its kernel goes on.

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "peer-frozen",
    "the peer's process is stopped (SIGSTOP)",
    Effect::Frozen,
    |bed| bed.signal_peer(19),
);
