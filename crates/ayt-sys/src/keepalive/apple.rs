//! macOS, iOS and their like (tcp(4)). `TCP_KEEPALIVE` is the idle time;
//! `TCP_RXT_CONNDROPTIME`, which has no safe wrapper, is what comes nearest to U.

use ayt_core::keepalive::Os;

use super::raw;
use super::unix::{Table, TimeOption, common};

/// `<netinet/tcp.h>`; not in the libc crate.
const TCP_RXT_CONNDROPTIME: i32 = 0x80;

pub(super) const TABLE: Table = Table {
    os: Some(if cfg!(target_os = "macos") {
        Os::MacOs
    } else {
        Os::Ios
    }),
    idle: Some(common::IDLE),
    interval: Some(common::INTERVAL),
    count: Some(common::COUNT),
    user_timeout: Some(TimeOption {
        name: "TCP_RXT_CONNDROPTIME",
        get: |fd| raw::seconds(fd, TCP_RXT_CONNDROPTIME),
        set: |fd, time| raw::set_seconds(fd, TCP_RXT_CONNDROPTIME, time),
        lacking: "this release of the system has no TCP_RXT_CONNDROPTIME",
    }),
};
