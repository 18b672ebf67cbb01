//! The peer's link goes down at its own device.

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "carrier-peer",
    "the peer's device loses its carrier",
    Effect::Silence,
    |bed| bed.wire.carrier(bed.peer(), false),
);
