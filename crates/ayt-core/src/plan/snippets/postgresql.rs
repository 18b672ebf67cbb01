//! PostgreSQL: the chapter on connection settings; the user timeout since version 12.

use super::{Snippet, all, s, user_timeout_ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "postgresql",
    what: "PostgreSQL",
    file: "postgresql.conf",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: all,
    notes: &[
        "Seconds; the user timeout in milliseconds. Reload, and new sessions have it: SELECT pg_reload_conf(); SHOW tcp_keepalives_idle shows it over TCP.",
        "Clients have the same by libpq: keepalives_idle, keepalives_interval, keepalives_count, tcp_user_timeout.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    format!(
        "tcp_keepalives_idle = {}\ntcp_keepalives_interval = {}\ntcp_keepalives_count = {}\n\
         tcp_user_timeout = {}\n",
        s(asked.idle),
        s(asked.interval),
        asked.count,
        user_timeout_ms(asked)
    )
}
