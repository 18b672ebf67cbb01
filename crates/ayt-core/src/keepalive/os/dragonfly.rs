//! DragonFly BSD: tcp(4); `sys/netinet/tcp_usrreq.c`, the times in
//! `sys/netinet/tcp_timer.c`.
//!
//! The options count *milliseconds*, unlike everywhere else. They come down to
//! ticks of the system's clock, at least one. There is nothing like U.

use super::{
    Bound, Knob, Profile, count_of_probes, lost_probes, milliseconds, not_before, probes, usual,
};
use crate::keepalive::{Detection, Effective, Found, Kernel, Outage};

pub(super) const PROFILE: Profile = Profile {
    name: "DragonFly BSD",
    defaults: usual(8),
    // A tick is 10 ms where the clock runs at 100.
    idle: milliseconds("TCP_KEEPIDLE", 10, i32::MAX as u64),
    interval: milliseconds("TCP_KEEPINTVL", 10, i32::MAX as u64),
    count: probes("TCP_KEEPCNT", i32::MAX as u32),
    user_timeout: Knob::None {
        why: "DragonFly BSD has no limit on unacknowledged data for one socket",
    },
    source: "tcp(4); sys/netinet/tcp_timer.c, sys/netinet/tcp_usrreq.c",
    detection,
    outage,
    losses: count_of_probes,
};

fn detection(settings: &Effective, _kernel: &Kernel) -> Detection {
    Detection {
        idle: not_before(settings, "by how much its timers are late was not measured"),
        in_flight: Found::Unknown("how long DragonFly BSD retransmits was not measured"),
    }
}

fn outage(settings: &Effective, _kernel: &Kernel) -> Outage {
    Outage {
        idle: lost_probes(settings),
        in_flight: Bound::Unknown("when DragonFly BSD retransmits was not measured"),
    }
}
