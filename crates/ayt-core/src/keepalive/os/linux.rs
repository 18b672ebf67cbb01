//! Linux: tcp(7); `do_tcp_setsockopt` in `net/ipv4/tcp.c`; the times in
//! `net/ipv4/tcp_timer.c`, reckoned in `keepalive/linux`.
//!
//! U masks N: with `TCP_USER_TIMEOUT` an idle connection ends at
//! I + V·max(1, ⌈(U − I)/V⌉). Keepalive sleeps while data is in flight: then U
//! decides, or `tcp_retries2` (15 → 924.6 s).

use std::time::Duration;

use super::{Bound, OFF, Profile, milliseconds, probes, seconds, usual};
use crate::keepalive::settings::{MAX_COUNT, MAX_SECONDS};
use crate::keepalive::{Detection, Effective, Found, Kernel, Losses, Outage, Span, linux};

pub(super) const PROFILE: Profile = Profile {
    name: "Linux",
    defaults: usual(9),
    idle: seconds("TCP_KEEPIDLE", MAX_SECONDS as u64),
    interval: seconds("TCP_KEEPINTVL", MAX_SECONDS as u64),
    count: probes("TCP_KEEPCNT", MAX_COUNT),
    user_timeout: milliseconds("TCP_USER_TIMEOUT", 1, i32::MAX as u64),
    source: "tcp(7); net/ipv4/tcp_timer.c; kernel/time/timer.c",
    detection,
    outage,
    losses,
};

pub(super) fn detection(settings: &Effective, kernel: &Kernel) -> Detection {
    let idle = |hz| linux::idle(settings, hz);
    let in_flight = |hz| linux::in_flight(settings.user_timeout, kernel, hz);
    Detection {
        idle: if settings.enabled {
            over_rates(kernel, idle)
        } else {
            OFF
        },
        in_flight: over_rates(kernel, in_flight),
    }
}

pub(super) fn outage(settings: &Effective, kernel: &Kernel) -> Outage {
    let shortest = |of: &dyn Fn(u32) -> Duration| match kernel.rates().into_iter().map(of).min() {
        Some(shortest) => Bound::AtLeast(shortest),
        None => Bound::Unknown("no tick rate is given"),
    };
    Outage {
        idle: match settings.enabled {
            true => shortest(&|hz| linux::idle_outage(settings, hz)),
            false => Bound::Unknown("keepalive is off: no outage kills an idle connection"),
        },
        in_flight: shortest(&|hz| linux::in_flight_outage(settings.user_timeout, kernel, hz)),
    }
}

/// How many segments must be lost in a row for a connection to end, per path.
pub(super) fn losses(settings: &Effective, kernel: &Kernel) -> Losses {
    let fewest = |of: &dyn Fn(u32) -> u32| kernel.rates().into_iter().map(of).min();
    let limit = settings.user_timeout;
    let limit = limit.unwrap_or_else(|| linux::model_timeout(kernel));
    Losses {
        idle: match settings.enabled {
            true => fewest(&|hz| linux::idle_probes(settings, hz)),
            false => None,
        },
        in_flight: fewest(&|hz| linux::transmissions(limit, kernel, hz)),
    }
}

/// The span that holds for every tick rate the kernel may have.
fn over_rates(kernel: &Kernel, span: impl Fn(u32) -> Span) -> Found {
    match kernel.rates().into_iter().map(span).reduce(Span::or) {
        Some(span) => Found::Within(span),
        None => Found::Unknown("no tick rate is given"),
    }
}
