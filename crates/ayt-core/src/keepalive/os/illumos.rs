//! illumos: tcp(4P); `tcp_opt_set` in `usr/src/uts/common/inet/tcp/tcp_opt_data.c`,
//! the times in `tcp_timers.c` (`tcp_keepalive_timer`), ranges in `tcp_tunables.c`.
//!
//! Without `TCP_KEEPINTVL` and `TCP_KEEPCNT` the probes back off, and
//! `TCP_KEEPALIVE_ABORT_THRESHOLD` (8 min) after I the connection ends; with both,
//! N probes go out V apart. The one set first makes the system compute the other
//! from the threshold, so both are always set, interval first. The interval must
//! lie between the least and the greatest retransmission timeout. Ended when *more*
//! than I + V·N has passed, looked at every V.
//!
//! What comes nearest to U is `TCP_ABORT_THRESHOLD` (ms).

use std::time::Duration;

use super::{
    Bound, Defaults, Knob, Profile, count_of_probes, lost_probes, milliseconds, not_before, probes,
};
use crate::keepalive::{Detection, Effective, Found, Kernel, Outage};

const SECOND: Duration = Duration::from_secs(1);

pub(super) const PROFILE: Profile = Profile {
    name: "illumos",
    // No interval of its own: backed-off probes for 8 min, told as one.
    defaults: Defaults {
        idle: Duration::from_secs(7_200),
        interval: Duration::from_secs(480),
        count: 1,
    },
    idle: Knob::Socket {
        option: "TCP_KEEPIDLE",
        unit: SECOND,
        min: Duration::from_secs(10),
        max: Duration::from_secs(864_000),
    },
    interval: Knob::Socket {
        option: "TCP_KEEPINTVL",
        unit: SECOND,
        min: SECOND,
        max: Duration::from_secs(60),
    },
    count: probes("TCP_KEEPCNT", i32::MAX as u32),
    user_timeout: milliseconds("TCP_ABORT_THRESHOLD", 1, i32::MAX as u64),
    source: "tcp(4P); usr/src/uts/common/inet/tcp/{tcp_opt_data,tcp_timers,tcp_tunables}.c",
    detection,
    outage,
    losses: count_of_probes,
};

fn detection(settings: &Effective, _kernel: &Kernel) -> Detection {
    Detection {
        idle: not_before(
            settings,
            "it ends when more than this has passed, looked at once an interval; not measured",
        ),
        in_flight: Found::Unknown("when TCP_ABORT_THRESHOLD ends a connection was not measured"),
    }
}

fn outage(settings: &Effective, _kernel: &Kernel) -> Outage {
    Outage {
        idle: lost_probes(settings),
        in_flight: Bound::Unknown("when illumos retransmits was not measured"),
    }
}
