//! DragonFly BSD (tcp(4)): the options count milliseconds, which the safe wrappers
//! do not know.

use ayt_core::keepalive::Os;
use rustix::net::sockopt;

use super::raw;
use super::unix::{CountOption, Table, TimeOption};

const LACKING: &str = "this release of DragonFly BSD has no such option";

pub(super) const TABLE: Table = Table {
    os: Some(Os::DragonFly),
    idle: Some(TimeOption {
        name: "TCP_KEEPIDLE",
        get: |fd| raw::milliseconds(fd, libc::TCP_KEEPIDLE),
        set: |fd, time| raw::set_milliseconds(fd, libc::TCP_KEEPIDLE, time),
        lacking: LACKING,
    }),
    interval: Some(TimeOption {
        name: "TCP_KEEPINTVL",
        get: |fd| raw::milliseconds(fd, libc::TCP_KEEPINTVL),
        set: |fd, time| raw::set_milliseconds(fd, libc::TCP_KEEPINTVL, time),
        lacking: LACKING,
    }),
    count: Some(CountOption {
        name: "TCP_KEEPCNT",
        get: |fd| Ok(sockopt::tcp_keepcnt(fd)?),
        set: |fd, count| Ok(sockopt::set_tcp_keepcnt(fd, count)?),
        lacking: LACKING,
    }),
    user_timeout: None,
};
