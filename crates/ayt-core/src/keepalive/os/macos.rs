//! macOS: tcp(4); `tcp_ctloutput` in xnu's `bsd/netinet/tcp_usrreq.c`, the times in
//! `bsd/netinet/tcp_timer.c`.
//!
//! The idle time is `TCP_KEEPALIVE`. The keepalive timer ends the connection at
//! the first run at or after I + V·N. What comes nearest to U is
//! `TCP_RXT_CONNDROPTIME`, in seconds since retransmission began; it says nothing
//! about idle connections, and N counts as always.

use super::{Bound, Profile, count_of_probes, lost_probes, not_before, probes, seconds, usual};
use crate::keepalive::{Detection, Effective, Found, Kernel, Outage};

/// `UINT32_MAX` over 1000 ticks a second.
const MAX_SECONDS: u64 = 4_294_967;

pub(super) const PROFILE: Profile = Profile {
    name: "macOS",
    defaults: usual(8),
    idle: seconds("TCP_KEEPALIVE", MAX_SECONDS),
    interval: seconds("TCP_KEEPINTVL", MAX_SECONDS),
    count: probes("TCP_KEEPCNT", i32::MAX as u32),
    user_timeout: seconds("TCP_RXT_CONNDROPTIME", MAX_SECONDS),
    source: "tcp(4); xnu bsd/netinet/tcp_timer.c, bsd/netinet/tcp_usrreq.c",
    detection,
    outage,
    losses: count_of_probes,
};

fn detection(settings: &Effective, _kernel: &Kernel) -> Detection {
    Detection {
        idle: not_before(
            settings,
            "the system runs its timers in batches; by how much later was not measured",
        ),
        in_flight: match settings.user_timeout {
            Some(earliest) => Found::NotBefore {
                earliest,
                why: "TCP_RXT_CONNDROPTIME counts from the first retransmission and is looked at \
                      only when one is due; not measured",
            },
            None => Found::Unknown("how long macOS retransmits was not measured"),
        },
    }
}

fn outage(settings: &Effective, _kernel: &Kernel) -> Outage {
    Outage {
        idle: lost_probes(settings),
        in_flight: Bound::Unknown("when macOS retransmits was not measured"),
    }
}
