//! A Unix whose options ayt does not know: nothing is set, and the caller is told.

use super::unix::Table;

pub(super) const TABLE: Table = Table {
    os: None,
    idle: None,
    interval: None,
    count: None,
    user_timeout: None,
};
