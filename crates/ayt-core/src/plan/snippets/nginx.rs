//! nginx: `so_keepalive` of `listen`, in the http and the stream module alike.

use super::{Snippet, s, without_user_timeout};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "nginx",
    what: "nginx",
    file: "nginx.conf, inside http",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: without_user_timeout,
    notes: &[
        "Towards clients; so_keepalive=IDLE:INTERVAL:COUNT, here with units. Only one `listen` of an address may carry it.",
        "Towards upstreams `proxy_socket_keepalive on` switches keepalive on, with the times of the sysctls. There is no user timeout; send_timeout bounds a send.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    format!(
        "server {{\n    listen 8080 so_keepalive={}s:{}s:{};\n    proxy_socket_keepalive on;\n}}\n",
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
