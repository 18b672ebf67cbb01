//! Windows: `SIO_KEEPALIVE_VALS` and the `IPPROTO_TCP` options in the Winsock
//! reference.
//!
//! `SIO_KEEPALIVE_VALS` takes switch, idle time and interval together, in
//! milliseconds, and takes what is left 0 for 0: both times are always set. The
//! count is 10 (5 before Vista) and can be set since Windows 10 version 1703 by
//! `TCP_KEEPCNT`; since 1709 `TCP_KEEPIDLE` and `TCP_KEEPINTVL` set the times in
//! seconds, and can be read back. What comes nearest to U is `TCP_MAXRT`, in
//! seconds.
//!
//! Nobody has measured these times for ayt on a Windows kernel; the manual's
//! I + V·N is not told as if somebody had.

use std::time::Duration;

use super::{Bound, Defaults, Knob, OFF, Profile, count_of_probes, milliseconds, probes, seconds};
use crate::keepalive::{Detection, Effective, Found, Kernel, Outage};

/// Windows 10 version 1703: `TCP_KEEPCNT`.
pub(super) const BUILD_1703: u32 = 15_063;
/// Windows 10 version 1709: `TCP_KEEPIDLE`, `TCP_KEEPINTVL`.
pub(super) const BUILD_1709: u32 = 16_299;

const UNMEASURED: &str = "not measured on a Windows kernel; by its manual, idle time and then that \
                          many intervals";

pub(super) const fn profile(build: u32) -> Profile {
    Profile {
        name: "Windows",
        defaults: Defaults {
            idle: Duration::from_secs(7_200),
            interval: Duration::from_secs(1),
            count: 10,
        },
        idle: milliseconds("SIO_KEEPALIVE_VALS", 1, i32::MAX as u64),
        interval: milliseconds("SIO_KEEPALIVE_VALS", 1, i32::MAX as u64),
        count: if build >= BUILD_1703 {
            probes("TCP_KEEPCNT", 255)
        } else {
            Knob::System {
                usual: 10,
                why: "Windows fixes it before version 1703",
            }
        },
        user_timeout: seconds("TCP_MAXRT", i32::MAX as u64),
        source: "Winsock reference: SIO_KEEPALIVE_VALS, IPPROTO_TCP socket options",
        detection,
        outage,
        losses: count_of_probes,
    }
}

fn detection(settings: &Effective, _kernel: &Kernel) -> Detection {
    Detection {
        idle: if settings.enabled {
            Found::Unknown(UNMEASURED)
        } else {
            OFF
        },
        in_flight: Found::Unknown("not measured on a Windows kernel"),
    }
}

fn outage(_settings: &Effective, _kernel: &Kernel) -> Outage {
    Outage {
        idle: Bound::Unknown(UNMEASURED),
        in_flight: Bound::Unknown("not measured on a Windows kernel"),
    }
}
