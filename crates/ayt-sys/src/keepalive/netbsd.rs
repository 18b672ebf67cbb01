//! NetBSD (tcp(4)): no option like U.

use ayt_core::keepalive::Os;

use super::unix::{Table, common};

pub(super) const TABLE: Table = Table {
    os: Some(Os::NetBsd),
    idle: Some(common::IDLE),
    interval: Some(common::INTERVAL),
    count: Some(common::COUNT),
    user_timeout: None,
};
