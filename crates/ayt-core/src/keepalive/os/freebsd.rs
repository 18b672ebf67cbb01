//! FreeBSD: tcp(4); `tcp_default_ctloutput` in `sys/netinet/tcp_usrreq.c`, the times
//! in `sys/netinet/tcp_timer.c` (`tcp_timer_keep`).
//!
//! Options in seconds, sysctls (`net.inet.tcp.keepidle`, ...) in milliseconds. With
//! `net.inet.tcp.always_keepalive` = 1, the default, every connection is probed,
//! `SO_KEEPALIVE` or not. What comes nearest to U is `TCP_MAXUNACKTIME` (FreeBSD 14):
//! looked at when a retransmission is due, and on idle connections not at all.

use super::{Bound, Profile, count_of_probes, lost_probes, not_before, probes, seconds, usual};
use crate::keepalive::{Detection, Effective, Found, Kernel, Outage};

/// `UINT_MAX` over 1000 ticks a second.
const MAX_SECONDS: u64 = 4_294_967;

pub(super) const PROFILE: Profile = Profile {
    name: "FreeBSD",
    defaults: usual(8),
    idle: seconds("TCP_KEEPIDLE", MAX_SECONDS),
    interval: seconds("TCP_KEEPINTVL", MAX_SECONDS),
    count: probes("TCP_KEEPCNT", i32::MAX as u32),
    user_timeout: seconds("TCP_MAXUNACKTIME", MAX_SECONDS),
    source: "tcp(4); sys/netinet/tcp_timer.c, sys/netinet/tcp_usrreq.c",
    detection,
    outage,
    losses: count_of_probes,
};

fn detection(settings: &Effective, _kernel: &Kernel) -> Detection {
    Detection {
        idle: not_before(
            settings,
            "timers may be late by the deviation the system allows itself \
             (kern.timecounter.alloweddeviation); not measured",
        ),
        in_flight: match settings.user_timeout {
            Some(earliest) => Found::NotBefore {
                earliest,
                why: "TCP_MAXUNACKTIME is looked at only when a retransmission is due; not measured",
            },
            None => Found::Unknown("how long FreeBSD retransmits was not measured"),
        },
    }
}

fn outage(settings: &Effective, _kernel: &Kernel) -> Outage {
    Outage {
        idle: lost_probes(settings),
        in_flight: Bound::Unknown("when FreeBSD retransmits was not measured"),
    }
}
