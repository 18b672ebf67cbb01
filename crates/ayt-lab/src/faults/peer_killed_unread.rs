//! The peer's process is killed with data that it has not read.

use ayt_core::cause::Cause;

use super::{Effect, GOOD, Manners, Spec, fault};

pub(super) const SPEC: Spec = Spec {
    manners: Manners {
        peer_reads: false,
        ..GOOD
    },
    ..fault(
        "killed-unread",
        "the peer's process is killed (-9), data unread: RST",
        Effect::Told(Cause::PeerReset),
        |bed| bed.signal_peer(9),
    )
};
