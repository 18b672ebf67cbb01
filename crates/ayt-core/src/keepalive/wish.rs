//! Keepalive wanted on another process's socket (`ayt arm`): Linux, whole seconds.

use std::str::FromStr;

use super::settings::{MAX_COUNT, MAX_SECONDS};

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
