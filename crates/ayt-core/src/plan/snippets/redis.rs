//! Redis: one number, `tcp-keepalive T`. `anetKeepAlive` in anet.c makes an idle time of T, an
//! interval of a third of it, and three probes of it: a death is found after twice T.

use std::time::Duration;

use super::{Snippet, s};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "redis",
    what: "Redis",
    file: "redis.conf",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets,
    notes: &[
        "Redis has one number T, in seconds: idle time T, interval T/3, three probes. Live: CONFIG SET tcp-keepalive T, for new connections; `ayt arm` for those there are.",
        "There is no user timeout.",
    ],
    body,
};

/// Half of what was asked, in seconds.
fn whole(asked: &Effective) -> u64 {
    let probing = asked.interval.saturating_mul(asked.count);
    (s(asked.idle + probing) / 2).max(1)
}

fn sets(asked: &Effective) -> Effective {
    Effective {
        idle: Duration::from_secs(whole(asked)),
        interval: Duration::from_secs((whole(asked) / 3).max(1)),
        count: 3,
        user_timeout: None,
        ..*asked
    }
}

fn body(asked: &Effective) -> String {
    format!("tcp-keepalive {}\n", whole(asked))
}
