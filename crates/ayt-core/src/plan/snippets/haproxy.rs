//! HAProxy 2.4 and later: the configuration manual, `clitcpka`, `srvtcpka`, `tcp-ut`.

use super::{Snippet, all, s, user_timeout_ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "haproxy",
    what: "HAProxy",
    file: "haproxy.cfg",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: all,
    notes: &[
        "Times with units. clitcpka is for clients, srvtcpka for servers; tcp-ut, the user timeout, stands on each bind and server line.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let (idle, interval, count) = (s(asked.idle), s(asked.interval), asked.count);
    let user_timeout = match user_timeout_ms(asked) {
        0 => String::new(),
        ms => format!(" tcp-ut {ms}ms"),
    };
    format!(
        "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    \
         timeout server 1h\n    \
         option clitcpka\n    clitcpka-idle {idle}s\n    clitcpka-intvl {interval}s\n    \
         clitcpka-cnt {count}\n    \
         option srvtcpka\n    srvtcpka-idle {idle}s\n    srvtcpka-intvl {interval}s\n    \
         srvtcpka-cnt {count}\n\n\
         frontend in\n    bind :8080{user_timeout}\n    default_backend out\n\n\
         backend out\n    server one 127.0.0.1:8081{user_timeout}\n"
    )
}
