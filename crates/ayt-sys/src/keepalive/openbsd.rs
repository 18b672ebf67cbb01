//! OpenBSD (tcp(4)): one socket can only switch keepalive on.

use ayt_core::keepalive::Os;

use super::unix::Table;

pub(super) const TABLE: Table = Table {
    os: Some(Os::OpenBsd),
    idle: None,
    interval: None,
    count: None,
    user_timeout: None,
};
