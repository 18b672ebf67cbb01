//! The client's side.

use super::{Claim, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some("The library's client does it, in the tests of crates/ayt: tests/devices and tests/restarts."),
    ..claim(
        "S21",
        "A client notices, tells its user, cleans up, and reconnects with growing pauses.",
    )
};
