//! What comes from the peer is lost; what goes to it arrives.

use super::{Effect, Spec, fault};
use crate::packet::Direction;
use crate::stage::Cut;
use crate::wire::Place;

pub(super) const SPEC: Spec = fault(
    "drop-from-peer",
    "one way only: nothing comes from the peer any more",
    Effect::Silence,
    |bed| {
        let cut = Cut::one_way(Direction::from(bed.peer()));
        Ok(bed.wire.insert(Place::NextToA, cut)?.at)
    },
);
