//! A NAT that forgets what is idle, and drops what it does not know.
//!
//! What speaks more often than the NAT forgets keeps it from forgetting.

use std::time::Duration;

use ayt_core::duration::Ms;

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
    verify: |bed| {
        let Some((interval, survived)) = bed.settled() else {
            return Ok(Vec::new());
        };
        // The search ends within a sixteenth of what the NAT lets live, whose own count
        // begins with the last acknowledgement: 40 ms late where it is held back.
        let near = Bed::FORGETS * 7 / 8..Bed::FORGETS + Duration::from_millis(60);
        let told = survived.map_or("none".to_owned(), |time| Ms::from(time).to_string());
        Ok(vec![
            (
                format!(
                    "it found {told} where the NAT remembers for {}",
                    Ms::from(Bed::FORGETS)
                ),
                survived.is_some_and(|survived| near.contains(&survived)),
            ),
            (
                format!("and beats every {}, below it", Ms::from(interval)),
                interval < Bed::FORGETS && interval > Bed::FORGETS / 2,
            ),
        ])
    },
    ..fault(
        "nat-silent",
        "a NAT has forgotten the idle connection: silence",
        Effect::Silence,
        Bed::let_it_be_forgotten,
    )
};
