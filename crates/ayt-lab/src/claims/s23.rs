//! Servers that cannot be changed.

use super::{Claim, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some(
        "`ayt arm` does it: an_armed_redis_loses_its_ghost_in_time, in \
         crates/ayt-cli/tests/arm_redis.rs, with a redis that knows nothing of it.",
    ),
    ..claim(
        "S23",
        "Servers that cannot be changed are helped from outside, while they run.",
    )
};
