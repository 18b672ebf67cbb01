//! OpenSSH's server: sshd_config(5). `TCPKeepAlive` switches the kernel's keepalive on, with
//! the times of the sysctls; its own, encrypted question is `ClientAliveInterval`, and
//! `client_alive_check` in serverloop.c ends the session when more than
//! `ClientAliveCountMax` of them are unanswered: after INTERVAL·(MAX + 1).

use super::{Snippet, s};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "sshd",
    what: "OpenSSH's server",
    file: "/etc/ssh/sshd_config.d/keepalive.conf",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets,
    notes: &[
        "The kernel's times are those of the sysctls. ClientAlive is sshd's own question, inside the encryption: it finds a frozen client, too, after INTERVAL * (MAX + 1).",
        "Verify: sshd -T | grep -i alive. Clients: ServerAliveInterval, ServerAliveCountMax.",
    ],
    body,
};

/// The sysctls' usual values.
fn sets(asked: &Effective) -> Effective {
    let usual = Os::Linux.profile().defaults;
    Effective {
        idle: usual.idle,
        interval: usual.interval,
        count: usual.count,
        user_timeout: None,
        ..*asked
    }
}

fn body(asked: &Effective) -> String {
    let whole = s(asked.idle + asked.interval.saturating_mul(asked.count));
    format!(
        "TCPKeepAlive yes\nClientAliveInterval {}\nClientAliveCountMax 3\n",
        (whole / 4).max(1)
    )
}
