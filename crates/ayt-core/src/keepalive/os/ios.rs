//! iOS: the kernel of macOS. The system may suspend a program in the background;
//! its kernel then still answers and asks only as long as it is awake.

use super::{Profile, macos};

pub(super) const PROFILE: Profile = Profile {
    name: "iOS",
    ..macos::PROFILE
};
