//! The path takes time, and not always the same.

use std::time::Duration;

use super::{Effect, Spec, fault};
use crate::stage::{Delay, Ways};
use crate::wire::Place;

pub(super) const SPEC: Spec = Spec {
    takes: &["delay", "jitter"],
    ..fault(
        "jitter",
        "the path takes time, and not always the same",
        Effect::Harmless,
        |bed| {
            let trouble = &bed.cell.trouble;
            let base = trouble.delay.unwrap_or(Duration::from_millis(100));
            let jitter = trouble.jitter.unwrap_or(Duration::from_millis(200));
            let stage = Delay::jittered(Ways::Both, base, jitter, bed.cell.seed);
            Ok(bed.wire.insert(Place::NextToA, stage)?.at)
        },
    )
};
