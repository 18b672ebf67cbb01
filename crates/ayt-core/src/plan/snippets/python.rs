//! Python on Linux: the module `socket`.

use super::{Snippet, all, s, user_timeout_ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "python",
    what: "Python on Linux",
    file: "keepalive.py",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: all,
    notes: &[
        "Seconds; the user timeout in milliseconds. An asyncio transport gives its socket by transport.get_extra_info('socket').",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let user_timeout = match user_timeout_ms(asked) {
        0 => String::new(),
        ms => format!("    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, {ms})\n"),
    };
    format!(
        "import socket\n\n\n\
         def keepalive_on(sock):\n    \
         sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)\n    \
         sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, {})\n    \
         sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, {})\n    \
         sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, {})\n{user_timeout}",
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
