//! The peer's process is killed; it had read all that came.

use ayt_core::cause::Cause;

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "peer-killed",
    "the peer's process is killed (-9), nothing unread: FIN",
    Effect::Told(Cause::PeerClosed),
    |bed| bed.signal_peer(9),
);
