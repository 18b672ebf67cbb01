//! Keepalive as the Linux kernel reports it of one socket.

use std::fmt;
use std::time::Duration;

/// Largest idle time or interval Linux takes, in seconds (`MAX_TCP_KEEPIDLE`,
/// `MAX_TCP_KEEPINTVL` in `include/net/tcp.h`).
pub const MAX_SECONDS: u32 = 32_767;
/// Largest count Linux takes (`MAX_TCP_KEEPCNT`).
pub const MAX_COUNT: u32 = 127;

/// The keepalive settings in effect on one socket, as the kernel reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// `SO_KEEPALIVE` is on.
    pub enabled: bool,
    /// I, seconds.
    pub idle_s: u32,
    /// V, seconds.
    pub interval_s: u32,
    /// N, probes.
    pub count: u32,
    /// U, milliseconds; 0 = not set.
    pub user_timeout_ms: u32,
}

impl Keepalive {
    /// How long after the last byte received an idle connection with a vanished
    /// peer is ended: `I + V·N`, or with a user timeout
    /// `I + V·max(1, ⌈(U−I)/V⌉)`, where N no longer counts. `None` while
    /// keepalive is off: never. The kernel's timer wheel may add a little.
    #[must_use]
    pub fn idle_detection(&self) -> Option<Duration> {
        if !self.enabled {
            return None;
        }
        let idle_ms = u64::from(self.idle_s) * 1000;
        let interval_ms = u64::from(self.interval_s.max(1)) * 1000;
        let probes = if self.user_timeout_ms == 0 {
            u64::from(self.count)
        } else {
            u64::from(self.user_timeout_ms)
                .saturating_sub(idle_ms)
                .div_ceil(interval_ms)
                .max(1)
        };
        Some(Duration::from_millis(idle_ms + interval_ms * probes))
    }
}

/// Writes `60/5/3`, `60/5/3 U=20s` or `off`.
impl fmt::Display for Keepalive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.enabled, self.user_timeout_ms) {
            (false, 0) => "off".to_owned(),
            (false, u) => format!("off U={}", crate::duration::Ms(u64::from(u))),
            (true, 0) => format!("{}/{}/{}", self.idle_s, self.interval_s, self.count),
            (true, u) => format!(
                "{}/{}/{} U={}",
                self.idle_s,
                self.interval_s,
                self.count,
                crate::duration::Ms(u64::from(u))
            ),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(idle_s: u32, interval_s: u32, count: u32, user_timeout_ms: u32) -> Keepalive {
        Keepalive {
            enabled: true,
            idle_s,
            interval_s,
            count,
            user_timeout_ms,
        }
    }

    #[test]
    fn idle_detection_follows_the_kernel() {
        for (settings, seconds) in [
            (with(2, 1, 3, 0), 5),
            (with(2, 1, 3, 10_000), 10),
            (with(2, 1, 3, 3_000), 3),
            (with(5, 3, 9, 13_000), 14),
            (with(5, 3, 9, 14_000), 14),
            (with(5, 3, 9, 15_000), 17),
            (with(17, 17, 1, 0), 34),
            (with(7200, 75, 9, 0), 7875),
        ] {
            assert_eq!(
                settings.idle_detection(),
                Some(Duration::from_secs(seconds)),
                "{settings}"
            );
        }
        let off = Keepalive {
            enabled: false,
            ..with(2, 1, 3, 5_000)
        };
        assert_eq!(off.idle_detection(), None);
    }
}
