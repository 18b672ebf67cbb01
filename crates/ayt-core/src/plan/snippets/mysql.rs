//! MariaDB 10.3.3 and later: `tcp_keepalive_time`, `_interval`, `_probes`. MySQL switches
//! keepalive on and follows the sysctls; `loose_` makes it pass over what it lacks.

use super::{Snippet, s, without_user_timeout};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "mysql",
    what: "MariaDB and MySQL",
    file: "/etc/mysql/conf.d/keepalive.cnf",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: without_user_timeout,
    notes: &[
        "Seconds; MariaDB. MySQL has no such variables and passes over loose_ ones: there `--emit sysctl` in its namespace is what counts.",
        "There is no user timeout.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    format!(
        "[mysqld]\nloose_tcp_keepalive_time = {}\nloose_tcp_keepalive_interval = {}\n\
         loose_tcp_keepalive_probes = {}\n",
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
