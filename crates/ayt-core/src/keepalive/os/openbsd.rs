//! OpenBSD: tcp(4); `sys/netinet/tcp_timer.c`.
//!
//! One socket can only switch keepalive on. The times are the system's
//! (`net.inet.tcp.keepidle`, `net.inet.tcp.keepintvl`), the count of 8 is fixed.

use std::time::Duration;

use super::{Bound, Knob, OFF, Profile, count_of_probes, usual};
use crate::keepalive::{Detection, Effective, Found, Kernel, Outage};

const IDLE: &str = "OpenBSD has it for the whole system only: sysctl net.inet.tcp.keepidle";
const INTERVAL: &str = "OpenBSD has it for the whole system only: sysctl net.inet.tcp.keepintvl";
const SYSTEM: &str = "OpenBSD's times are those of sysctl net.inet.tcp.keepidle and keepintvl, which \
                      a program is not told: 7200 s + 8·75 s unless they were changed";

pub(super) const PROFILE: Profile = Profile {
    name: "OpenBSD",
    defaults: usual(8),
    idle: Knob::System {
        usual: Duration::from_secs(7_200),
        why: IDLE,
    },
    interval: Knob::System {
        usual: Duration::from_secs(75),
        why: INTERVAL,
    },
    count: Knob::System {
        usual: 8,
        why: "OpenBSD fixes it (TCPTV_KEEPCNT)",
    },
    user_timeout: Knob::None {
        why: "OpenBSD has no limit on unacknowledged data for one socket",
    },
    source: "tcp(4); sys/netinet/tcp_timer.c",
    detection,
    outage,
    losses: count_of_probes,
};

fn detection(settings: &Effective, _kernel: &Kernel) -> Detection {
    Detection {
        idle: if settings.enabled {
            Found::Unknown(SYSTEM)
        } else {
            OFF
        },
        in_flight: Found::Unknown("how long OpenBSD retransmits was not measured"),
    }
}

fn outage(_settings: &Effective, _kernel: &Kernel) -> Outage {
    Outage {
        idle: Bound::Unknown(SYSTEM),
        in_flight: Bound::Unknown("when OpenBSD retransmits was not measured"),
    }
}
