//! Pools of connections.

use super::{Claim, Elsewhere, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some(Elsewhere {
        how: "The library's checks do it in two pools.",
        tests: &[
            ("crates/ayt/tests/kernel/pool.rs", "bb8_hands_out_the_living_again_and_the_dead_never"),
            ("crates/ayt/tests/kernel/pool.rs", "deadpool_hands_out_the_living_again_and_the_dead_never"),
        ],
    }),
    ..claim(
        "S22",
        "A pool must ask before it hands out a connection: a dead one looks like any other.",
    )
};
