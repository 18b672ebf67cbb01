//! A load balancer that tells both ends when it forgets what is idle.
//!
//! What speaks more often than it forgets keeps it from forgetting.

use ayt_core::cause::Cause;

use super::{Effect, Spec, fault};
use crate::runner::Bed;
use crate::stage::{Balancer, OnIdle};
use crate::wire::Place;

pub(super) const SPEC: Spec = Spec {
    ready: |ready| {
        let balancer = Balancer::new(Bed::FORGETS, OnIdle::ResetBoth);
        ready.wire.insert(Place::NextToB, balancer).map(drop)
    },
    prevented: Bed::keeps_awake,
    ..fault(
        "balancer-told",
        "a balancer sends both RST at its idle timeout",
        Effect::Told(Cause::PeerReset),
        |_| Ok(crate::clock::now()),
    )
};
