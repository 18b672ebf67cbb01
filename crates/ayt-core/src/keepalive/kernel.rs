//! What of a Linux kernel the times depend on.

use std::time::Duration;

/// What of a Linux kernel, and of a connection, the times of [`Detection`] depend
/// on. The default holds for every kernel since 4.19 on a fast path; knowing more
/// makes the span narrower. Other systems ignore it.
///
/// [`Detection`]: super::Detection
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// Timer ticks a second (`CONFIG_HZ`: 100, 250, 300 or 1000); `None` = not
    /// known, which gives the span that holds for all four.
    pub hz: Option<u32>,
    /// The connection's first retransmission timeout (`tcpi_rto` of an idle
    /// connection). `None` = the floor of 200 ms and one tick, as on every path
    /// with a round trip of a few milliseconds (`TCP_RTO_MIN`).
    pub rto: Option<Duration>,
    /// `net.ipv4.tcp_retries2`, default 15: how long to retransmit without a user
    /// timeout, as a number of backed-off retransmissions of a 200 ms timeout.
    pub retries2: u8,
    /// The longest retransmission timeout, default 120 s; since Linux 6.15
    /// `net.ipv4.tcp_rto_max_ms` and `TCP_RTO_MAX_MS`.
    pub rto_max: Duration,
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            hz: None,
            rto: None,
            retries2: 15,
            rto_max: Duration::from_secs(120),
        }
    }
}

/// The tick rates that a kernel can be built with on common machines
/// (`kernel/Kconfig.hz`).
const RATES: [u32; 4] = [100, 250, 300, 1000];

impl Kernel {
    /// The rates to reckon with.
    pub(super) fn rates(&self) -> Vec<u32> {
        match self.hz {
            // No kernel ticks slower or faster than this (Alpha's 1200).
            Some(hz) => vec![hz.clamp(24, 1200)],
            None => RATES.to_vec(),
        }
    }

    /// The longest retransmission timeout, within what the kernel takes
    /// (`TCP_RTO_MAX_MS`: 1 s to 120 s).
    pub(super) fn longest_rto(&self) -> Duration {
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(120));
        self.rto_max.clamp(least, most)
    }

    /// The first retransmission timeout at a tick rate.
    pub(super) fn rto_at(&self, hz: u32) -> Duration {
        self.rto
            .unwrap_or_else(|| Duration::from_millis(200) + super::linux::tick(hz))
            .clamp(Duration::from_millis(1), self.longest_rto())
    }
}
