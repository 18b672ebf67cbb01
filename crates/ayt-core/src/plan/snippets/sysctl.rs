//! sysctl(8): the defaults of every socket of a network namespace that switches
//! keepalive on, and has set nothing itself. `Documentation/networking/ip-sysctl.rst`.

use super::{Snippet, s, without_user_timeout};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "sysctl",
    what: "a sysctl file",
    file: "/etc/sysctl.d/60-keepalive.conf",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: without_user_timeout,
    notes: &[
        "Load it: sysctl -p /etc/sysctl.d/60-keepalive.conf; at every start systemd-sysctl does.",
        "Verify it: sysctl net.ipv4.tcp_keepalive_time net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes",
        "Each network namespace, and so each container, has its own values: load and verify inside (nsenter -t PID -n sysctl -p FILE).",
        "Only sockets whose program switched keepalive on (SO_KEEPALIVE) follow; one that set a value itself, even the same, is pinned to it. `ayt list` shows what holds where.",
        "There is no sysctl for the user timeout: data in flight is up to net.ipv4.tcp_retries2.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    format!(
        "net.ipv4.tcp_keepalive_time = {}\n\
         net.ipv4.tcp_keepalive_intvl = {}\n\
         net.ipv4.tcp_keepalive_probes = {}\n",
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
