//! NetBSD: tcp(4); `tcp_ctloutput` in `sys/netinet/tcp_usrreq.c`, the times in
//! `sys/netinet/tcp_timer.c`.
//!
//! The manual counts the options in seconds; the source stores the number as it
//! comes and counts its timers in half seconds (`PR_SLOWHZ`). Which holds on a
//! given release was not measured, so the times are unknown here. There is nothing
//! like U.

use super::{Bound, Knob, OFF, Profile, count_of_probes, probes, seconds, usual};
use crate::keepalive::{Detection, Effective, Found, Kernel, Outage};

const UNITS: &str = "NetBSD's manual counts the options in seconds, its source its timers in half \
                     seconds; not measured";

pub(super) const PROFILE: Profile = Profile {
    name: "NetBSD",
    defaults: usual(8),
    idle: seconds("TCP_KEEPIDLE", i32::MAX as u64),
    interval: seconds("TCP_KEEPINTVL", i32::MAX as u64),
    count: probes("TCP_KEEPCNT", i32::MAX as u32),
    user_timeout: Knob::None {
        why: "NetBSD has no limit on unacknowledged data for one socket",
    },
    source: "tcp(4); sys/netinet/tcp_timer.c, sys/netinet/tcp_usrreq.c",
    detection,
    outage,
    losses: count_of_probes,
};

fn detection(settings: &Effective, _kernel: &Kernel) -> Detection {
    Detection {
        idle: if settings.enabled {
            Found::Unknown(UNITS)
        } else {
            OFF
        },
        in_flight: Found::Unknown("how long NetBSD retransmits was not measured"),
    }
}

fn outage(_settings: &Effective, _kernel: &Kernel) -> Outage {
    Outage {
        idle: Bound::Unknown(UNITS),
        in_flight: Bound::Unknown("when NetBSD retransmits was not measured"),
    }
}
