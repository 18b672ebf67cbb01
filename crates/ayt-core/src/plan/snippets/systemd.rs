//! systemd.socket(5): the socket a service is handed; what it accepts inherits.

use super::{Snippet, s, without_user_timeout};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "systemd",
    what: "a systemd socket unit",
    file: "/etc/systemd/system/NAME.socket.d/keepalive.conf",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: without_user_timeout,
    notes: &[
        "Then: systemctl daemon-reload, systemctl restart NAME.socket. Verify: `ayt list --state LISTEN`. There is no user timeout.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    format!(
        "[Socket]\nKeepAlive=yes\nKeepAliveTimeSec={}\nKeepAliveIntervalSec={}\nKeepAliveProbes={}\n",
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
