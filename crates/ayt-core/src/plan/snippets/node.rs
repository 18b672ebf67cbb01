//! Node.js: `socket.setKeepAlive(true, ms)`. libuv (`uv__tcp_keepalive`) then sets an
//! interval of 1 s and a count of 10, since libuv 1.35; nothing else can be said.

use std::time::Duration;

use super::{Snippet, ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "node",
    what: "Node.js",
    file: "keepalive.js",
    comment: "//",
    first: "",
    os: Os::Linux,
    sets,
    notes: &[
        "Node takes the idle time alone, in milliseconds; its libuv sets the interval to 1 s and the count to 10. There is no user timeout.",
        "So an outage of 9 s ends an idle connection; `ayt arm` sets all of them from outside.",
    ],
    body,
};

/// The idle time that makes the whole as long as asked.
fn idle(asked: &Effective) -> Duration {
    let whole = asked.idle + asked.interval.saturating_mul(asked.count);
    let ours = whole.saturating_sub(Duration::from_secs(10));
    Duration::from_secs(ours.as_secs().max(1))
}

fn sets(asked: &Effective) -> Effective {
    Effective {
        idle: idle(asked),
        interval: Duration::from_secs(1),
        count: 10,
        user_timeout: None,
        ..*asked
    }
}

fn body(asked: &Effective) -> String {
    format!(
        "'use strict';\n\n\
         function keepaliveOn(socket) {{\n  \
         socket.setKeepAlive(true, {});\n}}\n\n\
         module.exports = {{ keepaliveOn }};\n",
        ms(idle(asked))
    )
}
