//! Windows.

use super::{Claim, Elsewhere, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some(Elsewhere {
        how: "A lab is made of Linux kernels. Programs for Windows run under wine, and the options are read back.",
        tests: &[
            ("crates/ayt-cli/tests/emit/windows.rs", "cpp"),
            ("xtask/src/windows/keepalive.rs", "prove"),
        ],
    }),
    ..claim(
        "S3",
        "Windows takes keepalive's times in milliseconds, both at once: what is left 0 is \
         reset.",
    )
};
