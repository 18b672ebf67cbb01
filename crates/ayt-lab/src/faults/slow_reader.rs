//! The peer's program reads nothing while data comes: its window closes.

use super::{Effect, GOOD, Manners, Spec, fault};
use crate::clock;

pub(super) const SPEC: Spec = Spec {
    manners: Manners {
        peer_reads: false,
        ..GOOD
    },
    ..fault(
        "slow-reader",
        "the peer lives and reads nothing: zero window",
        Effect::WindowClosed,
        |_| Ok(clock::now()),
    )
};
