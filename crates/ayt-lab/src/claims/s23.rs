//! Servers that cannot be changed.

use super::{Claim, Elsewhere, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some(Elsewhere {
        how: "`ayt arm` does it, with a redis that knows nothing of it.",
        tests: &[
            ("crates/ayt-cli/tests/arm_redis.rs", "an_armed_redis_loses_its_ghost_in_time"),
        ],
    }),
    ..claim(
        "S23",
        "Servers that cannot be changed are helped from outside, while they run.",
    )
};
