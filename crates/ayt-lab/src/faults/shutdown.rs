//! The peer's host is shut down in order: its programs are asked to end, and their
//! kernel says FIN for each connection.

use ayt_core::cause::Cause;

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "shutdown",
    "the peer's host is shut down in order: FIN",
    Effect::Told(Cause::PeerClosed),
    |bed| bed.signal_peer(15),
);
