//! A NAT that forgets what is idle, and answers what it does not know with RST.
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
        let nat = Nat::new(Side::B, outside, Bed::FORGETS, Expiry::Reset);
        ready.wire.insert(Place::NextToB, nat).map(drop)
    },
    prevented: Bed::keeps_awake,
    ..fault(
        "nat-reset",
        "a NAT has forgotten it and answers with RST",
        Effect::ResetOnNext,
        Bed::let_it_be_forgotten,
    )
};
