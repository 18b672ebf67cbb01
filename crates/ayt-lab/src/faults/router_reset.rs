//! A box between answers in the name of the peer: it does not know the connection.

use super::{Effect, Spec, fault};
use crate::stage::{Reset, Ways};
use crate::wire::Place;

pub(super) const SPEC: Spec = fault(
    "router-reset",
    "a box between answers every segment with RST",
    Effect::ResetOnNext,
    |bed| {
        let stage = Reset::new(Ways::Both);
        Ok(bed.wire.insert(Place::NextToB, stage)?.at)
    },
);
