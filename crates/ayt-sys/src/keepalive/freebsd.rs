//! FreeBSD (tcp(4)). `TCP_MAXUNACKTIME`, which has no safe wrapper, is what comes
//! nearest to U.

use ayt_core::keepalive::Os;

use super::raw;
use super::unix::{Table, TimeOption, common};

pub(super) const TABLE: Table = Table {
    os: Some(Os::FreeBsd),
    idle: Some(common::IDLE),
    interval: Some(common::INTERVAL),
    count: Some(common::COUNT),
    user_timeout: Some(TimeOption {
        name: "TCP_MAXUNACKTIME",
        get: |fd| raw::seconds(fd, libc::TCP_MAXUNACKTIME),
        set: |fd, time| raw::set_seconds(fd, libc::TCP_MAXUNACKTIME, time),
        lacking: "this release of FreeBSD has no TCP_MAXUNACKTIME",
    }),
};
