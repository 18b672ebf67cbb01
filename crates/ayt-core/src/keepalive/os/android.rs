//! Android: the Linux kernel. Its tick rate differs by device (100, 250 and 300
//! are met), so that the span for an unknown rate is the one to use. A sleeping
//! device adds what it sleeps.

use super::{Profile, linux};

pub(super) const PROFILE: Profile = Profile {
    name: "Android",
    ..linux::PROFILE
};
