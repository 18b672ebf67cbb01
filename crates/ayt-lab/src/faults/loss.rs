//! Packets are lost, at random and seeded, both ways.

use super::{Effect, Spec, fault};
use crate::stage::{Loss, Ways};
use crate::wire::Place;

pub(super) const SPEC: Spec = Spec {
    takes: &["loss"],
    verify: |bed| Ok(bed.called_safe().into_iter().collect()),
    ..fault(
        "loss",
        "packets are lost at random, both ways",
        Effect::Harmless,
        |bed| {
            let rate = bed.cell.trouble.loss.unwrap_or(0.05);
            let stage = Loss::new(Ways::Both, rate, bed.cell.seed);
            Ok(bed.wire.insert(Place::NextToA, stage)?.at)
        },
    )
};
