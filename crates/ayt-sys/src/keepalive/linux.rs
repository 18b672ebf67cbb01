//! Linux and Android: all four options, since 2.6.37 (tcp(7)).

use std::time::Duration;

use ayt_core::keepalive::Os;
use rustix::net::sockopt;

use super::unix::{Table, TimeOption, common};

pub(super) const TABLE: Table = Table {
    os: Some(if cfg!(target_os = "android") {
        Os::Android
    } else {
        Os::Linux
    }),
    idle: Some(common::IDLE),
    interval: Some(common::INTERVAL),
    count: Some(common::COUNT),
    user_timeout: Some(TimeOption {
        name: "TCP_USER_TIMEOUT",
        get: |fd| Ok(Duration::from_millis(sockopt::tcp_user_timeout(fd)?.into())),
        set: |fd, time| {
            // A policy's times fit by construction.
            let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
            Ok(sockopt::set_tcp_user_timeout(fd, ms)?)
        },
        lacking: "Linux has TCP_USER_TIMEOUT since 2.6.37",
    }),
};
