//! Everything between the two is lost, both ways, and nobody is told.

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "silent-drop",
    "the cable is pulled somewhere between: all is lost, both ways",
    Effect::Silence,
    |bed| Ok(bed.wire.cut()?.at),
);
