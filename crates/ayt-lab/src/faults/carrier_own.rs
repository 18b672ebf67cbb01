//! The link of the side that watches goes down.

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "carrier-own",
    "the own device loses its carrier",
    Effect::OwnLink,
    |bed| bed.wire.carrier(bed.observer(), false),
);
