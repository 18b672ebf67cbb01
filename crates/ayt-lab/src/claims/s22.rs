//! Pools of connections.

use super::{Claim, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some("The library's checks for pools do it, in the tests of crates/ayt: tests/plugs."),
    ..claim(
        "S22",
        "A pool must ask before it hands out a connection: a dead one looks like any other.",
    )
};
