//! A NAT that forgets what is idle, and drops what it does not know.
//!
//! What speaks more often than the NAT forgets keeps it from forgetting.

use super::{Effect, Spec, fault};
use crate::packet::Side;
use crate::runner::Bed;
use crate::stage::{Expiry, Nat};
use crate::wire::Place;

pub(super) const SPEC: Spec = Spec {
    ready: |ready| {
        let outside = ready.wire.router();
        let nat = Nat::new(Side::B, outside, Bed::FORGETS, Expiry::Silent);
        ready.wire.insert(Place::NextToB, nat).map(drop)
    },
    prevented: Bed::keeps_awake,
    ..fault(
        "nat-silent",
        "a NAT has forgotten the idle connection: silence",
        Effect::Silence,
        Bed::let_it_be_forgotten,
    )
};
