//! Keepalive settings I/V/N and the user timeout U, and when they find a death.
//!
//! I = idle time before the first probe (`TCP_KEEPIDLE`), V = interval between
//! probes (`TCP_KEEPINTVL`), N = count of unanswered probes (`TCP_KEEPCNT`),
//! U = `TCP_USER_TIMEOUT`. Source of the arithmetic: Linux
//! `net/ipv4/tcp_timer.c`, `tcp_keepalive_timer`; tcp(7).

use std::fmt;
use std::str::FromStr;
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

/// Keepalive wanted on a socket: validated I/V/N, all three always set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepaliveWish {
    idle_s: u32,
    interval_s: u32,
    count: u32,
}

impl KeepaliveWish {
    /// Checks the ranges Linux accepts: 1 ≤ I, V ≤ 32767 s; 1 ≤ N ≤ 127.
    ///
    /// # Errors
    /// Names the field that is out of range.
    pub fn new(idle_s: u32, interval_s: u32, count: u32) -> Result<Self, BadKeepalive> {
        for (field, value, max) in [
            ("idle time", idle_s, MAX_SECONDS),
            ("interval", interval_s, MAX_SECONDS),
            ("count", count, MAX_COUNT),
        ] {
            if value == 0 || value > max {
                return Err(BadKeepalive::Range { field, value, max });
            }
        }
        Ok(Self {
            idle_s,
            interval_s,
            count,
        })
    }

    /// I, seconds.
    #[must_use]
    pub const fn idle_s(self) -> u32 {
        self.idle_s
    }

    /// V, seconds.
    #[must_use]
    pub const fn interval_s(self) -> u32 {
        self.interval_s
    }

    /// N, probes.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }
}

/// What is wrong with keepalive settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeepalive {
    /// Not three numbers.
    #[error("`{0}` is not IDLE/INTERVAL/COUNT in seconds, seconds and probes, such as 60/5/3")]
    Form(String),
    /// One of the three is no number.
    #[error("`{part}` in `{text}` is not a whole number")]
    Number {
        /// All that was given.
        text: String,
        /// The offending part.
        part: String,
    },
    /// A number the kernel does not take.
    #[error("keepalive {field} {value} is out of range 1..={max}")]
    Range {
        /// Which of the three.
        field: &'static str,
        /// What was given.
        value: u32,
        /// The largest the kernel takes.
        max: u32,
    },
}

impl FromStr for KeepaliveWish {
    type Err = BadKeepalive;

    fn from_str(text: &str) -> Result<Self, BadKeepalive> {
        let parts: Vec<&str> = text.split('/').map(str::trim).collect();
        let &[idle, interval, count] = parts.as_slice() else {
            return Err(BadKeepalive::Form(text.to_owned()));
        };
        let number = |part: &str| {
            part.parse().map_err(|_| match part {
                "" => BadKeepalive::Form(text.to_owned()),
                part => BadKeepalive::Number {
                    text: text.to_owned(),
                    part: part.to_owned(),
                },
            })
        };
        Self::new(number(idle)?, number(interval)?, number(count)?)
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

    #[test]
    fn wishes_parse_and_refuse_with_the_offending_part() {
        assert_eq!("60/5/3".parse(), KeepaliveWish::new(60, 5, 3));
        for bad in ["", "60", "60/5", "60/5/3/1", "60//3"] {
            assert_eq!(
                bad.parse::<KeepaliveWish>(),
                Err(BadKeepalive::Form(bad.to_owned()))
            );
        }
        for (bad, message) in [
            ("a/5/3", "`a` in `a/5/3` is not a whole number"),
            ("60/-5/3", "`-5` in `60/-5/3` is not a whole number"),
            ("60/0/3", "keepalive interval 0 is out of range 1..=32767"),
            ("60/5/128", "keepalive count 128 is out of range 1..=127"),
        ] {
            let error = bad.parse::<KeepaliveWish>().unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
