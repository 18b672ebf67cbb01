//! What goes to the peer is lost; what comes from it arrives.

use super::{Effect, Spec, fault};
use crate::packet::Direction;
use crate::stage::Cut;
use crate::wire::Place;

pub(super) const SPEC: Spec = fault(
    "drop-to-peer",
    "one way only: nothing reaches the peer any more",
    Effect::Silence,
    |bed| {
        let cut = Cut::one_way(Direction::from(bed.observer()));
        Ok(bed.wire.insert(Place::NextToB, cut)?.at)
    },
);
