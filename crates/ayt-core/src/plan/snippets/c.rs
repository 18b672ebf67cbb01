//! C on Linux: tcp(7).

use super::{Snippet, all, s, user_timeout_ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "c",
    what: "C on Linux",
    file: "keepalive.c",
    comment: "//",
    first: "",
    os: Os::Linux,
    sets: all,
    notes: &[
        "TCP_KEEPIDLE and TCP_KEEPINTVL count seconds, TCP_USER_TIMEOUT milliseconds. Set them on a listener and accepted sockets inherit them.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let user_timeout = match user_timeout_ms(asked) {
        0 => String::new(),
        ms => format!(" ||\n        set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, {ms})"),
    };
    format!(
        r#"#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int set(int fd, int level, int option, int value)
{{
    return setsockopt(fd, level, option, &value, sizeof value);
}}

/* 0, or -1 and errno. */
int keepalive_on(int fd)
{{
    if (set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) ||
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, {}) ||
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, {}) ||
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, {}){user_timeout})
        return -1;
    return 0;
}}
"#,
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
