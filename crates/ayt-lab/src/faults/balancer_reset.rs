//! A load balancer that forgets what is idle, and answers the next packet with RST.
//!
//! What speaks more often than it forgets keeps it from forgetting.

use super::{Effect, Spec, fault};
use crate::runner::Bed;
use crate::stage::{Balancer, OnIdle};
use crate::wire::Place;

pub(super) const SPEC: Spec = Spec {
    ready: |ready| {
        let balancer = Balancer::new(Bed::FORGETS, OnIdle::ResetOnPacket);
        ready.wire.insert(Place::NextToB, balancer).map(drop)
    },
    prevented: Bed::keeps_awake,
    ..fault(
        "balancer-reset",
        "a balancer answers after its idle timeout with RST",
        Effect::ResetOnNext,
        Bed::let_it_be_forgotten,
    )
};
