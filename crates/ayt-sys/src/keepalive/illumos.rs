//! illumos (tcp(4P)). Interval before count: the one set first makes the system
//! compute the other. `TCP_ABORT_THRESHOLD`, which has no safe wrapper, is what
//! comes nearest to U; it is always set to something, 8 min at first.

use ayt_core::keepalive::Os;

use super::raw;
use super::unix::{Table, TimeOption, common};

pub(super) const TABLE: Table = Table {
    os: Some(Os::Illumos),
    idle: Some(common::IDLE),
    interval: Some(common::INTERVAL),
    count: Some(common::COUNT),
    user_timeout: Some(TimeOption {
        name: "TCP_ABORT_THRESHOLD",
        get: |fd| raw::milliseconds(fd, libc::TCP_ABORT_THRESHOLD),
        set: |fd, time| match time.is_zero() {
            // Zero means "for ever" here, not "as at first".
            true => Ok(()),
            false => raw::set_milliseconds(fd, libc::TCP_ABORT_THRESHOLD, time),
        },
        lacking: "this release of illumos has no TCP_ABORT_THRESHOLD",
    }),
};
