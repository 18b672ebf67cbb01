//! Windows.

use super::{Claim, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some(
        "A lab is made of Linux kernels. The tests of the library run under wine, and \
         `windows` of crates/ayt-cli/tests/emit reads the exact bytes back.",
    ),
    ..claim(
        "S3",
        "Windows takes keepalive's times in milliseconds, both at once: what is left 0 is \
         reset.",
    )
};
