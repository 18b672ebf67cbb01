//! What a program wants of keepalive, the same for every system.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::duration::{self, BadDuration, Ms};

/// The longest time a policy takes: what a signed 32-bit number of milliseconds
/// holds, nearly 25 days. Every system can count that far.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
/// The largest count: what Windows takes; Linux takes 127.
const MOST_PROBES: u32 = 255;

/// I/V/N and, if wanted, U: valid for some system by construction, and the same
/// for all. What a system makes of it is [`Os::plan`].
///
/// All of I, V and N are always there: where one is left out, systems fall back
/// to values that undo the others (Linux keeps 75 s between probes; Windows'
/// `SIO_KEEPALIVE_VALS` takes an unset time for 0).
///
/// The default is `60/10/6 U=115s`:
/// - I = 60 s is well below the shortest common idle timeout of a box on the way
///   (240 s; RFC 5382 asks for 2 h 4 min, many give less), so the keepalive also
///   holds the mapping, with room for lost probes;
/// - V = 10 s and N = 6: an outage of 50 s is survived, a death is found after two
///   minutes. Three probes 5 s apart killed busy healthy peers;
/// - U = 115 s, just under I + V·N: without it data in flight takes a quarter of an
///   hour to fail, because keepalive sleeps meanwhile; with it both paths take two
///   minutes. U also ends a *living* peer that reads nothing for 115 s while data
///   waits; a server for readers that pause longer takes
///   [`Policy::without_user_timeout`].
///
/// ```
/// # use ayt_core::keepalive::Policy;
/// # use std::time::Duration;
/// let policy: Policy = "60/5/3 U=20s".parse()?;
/// assert_eq!(policy.interval(), Duration::from_secs(5));
/// assert_eq!(policy.to_string(), "60/5/3 U=20s");
/// # Ok::<(), ayt_core::keepalive::BadPolicy>(())
/// ```
///
/// [`Os::plan`]: super::Os::plan
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    idle: Duration,
    interval: Duration,
    count: u32,
    user_timeout: Option<Duration>,
}

impl Policy {
    /// I (`idle`), V (`interval`) and N (`count`), without a user timeout.
    ///
    /// # Errors
    /// A time of zero, of less than a millisecond or of more than nearly 25 days
    /// (`i32::MAX` ms); a count outside 1..=255.
    pub fn new(idle: Duration, interval: Duration, count: u32) -> Result<Self, BadPolicy> {
        if !(1..=MOST_PROBES).contains(&count) {
            return Err(BadPolicy::Count(count));
        }
        Ok(Self {
            idle: time("idle time", idle)?,
            interval: time("interval", interval)?,
            count,
            user_timeout: None,
        })
    }

    /// The same with a user timeout U: the longest time that sent data may stay
    /// unacknowledged. On Linux U then decides the idle path too, in place of N:
    /// I + V·max(1, ⌈(U − I)/V⌉).
    ///
    /// # Errors
    /// As for the other times.
    pub fn with_user_timeout(self, user_timeout: Duration) -> Result<Self, BadPolicy> {
        Ok(Self {
            user_timeout: Some(time("user timeout", user_timeout)?),
            ..self
        })
    }

    /// The same without a user timeout.
    #[must_use]
    pub const fn without_user_timeout(self) -> Self {
        Self {
            user_timeout: None,
            ..self
        }
    }

    /// I: how long nothing must have been received before the first probe.
    #[must_use]
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// V: from one unanswered probe to the next.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// N: how many probes must stay unanswered.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// U, where one is wanted.
    #[must_use]
    pub const fn user_timeout(&self) -> Option<Duration> {
        self.user_timeout
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            count: 6,
            user_timeout: Some(Duration::from_secs(115)),
        }
    }
}

fn time(field: &'static str, time: Duration) -> Result<Duration, BadPolicy> {
    let valid = (Duration::from_millis(1)..=LONGEST).contains(&time);
    let whole_ms = time.subsec_nanos().is_multiple_of(1_000_000);
    if valid && whole_ms {
        Ok(time)
    } else {
        Err(BadPolicy::Time { field, time })
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// Not of the form I/V/N, with or without U.
    #[error(
        "`{0}` is not IDLE/INTERVAL/COUNT, such as 60/5/3 or 60/5/3 U=20s: times are seconds or carry a unit"
    )]
    Form(String),
    /// A part is no number.
    #[error("`{part}` in `{text}` is not a whole number")]
    Number {
        /// All that was given.
        text: String,
        /// The offending part.
        part: String,
    },
    /// A time with a unit that is none.
    #[error(transparent)]
    Duration(#[from] BadDuration),
    /// A time out of range.
    #[error(
        "keepalive {field} {time:?} is out of range: 1 ms to {LONGEST:?}, in whole milliseconds"
    )]
    Time {
        /// Which time.
        field: &'static str,
        /// What was given.
        time: Duration,
    },
    /// A count out of range.
    #[error("keepalive count {0} is out of range 1..={MOST_PROBES}")]
    Count(u32),
}

/// Reads `60/5/3` and `60/5/3 U=20s`: bare numbers are seconds (of U, too), and
/// every time may carry a unit (`90s/1500ms/5`).
impl FromStr for Policy {
    type Err = BadPolicy;

    fn from_str(text: &str) -> Result<Self, BadPolicy> {
        let form = || BadPolicy::Form(text.to_owned());
        let mut words = text.split_whitespace();
        let (Some(first), second, None) = (words.next(), words.next(), words.next()) else {
            return Err(form());
        };
        let parts: Vec<&str> = first.split('/').collect();
        let &[idle, interval, count] = parts.as_slice() else {
            return Err(form());
        };
        let number = |part: &str| match part {
            "" => Err(form()),
            _ => part.parse::<u32>().map_err(|_| BadPolicy::Number {
                text: text.to_owned(),
                part: part.to_owned(),
            }),
        };
        let time = |part: &str| match part.ends_with(|c: char| c.is_ascii_alphabetic()) {
            true => duration::parse(part).map_err(BadPolicy::from),
            false => number(part).map(|seconds| Duration::from_secs(seconds.into())),
        };
        let policy = Self::new(time(idle)?, time(interval)?, number(count)?)?;
        match second {
            None => Ok(policy),
            Some(word) => {
                let user_timeout = word.strip_prefix("U=").ok_or_else(form)?;
                policy.with_user_timeout(time(user_timeout)?)
            }
        }
    }
}

/// Writes what [`FromStr`] reads: `60/5/3`, `60/5/3 U=20s`, `1500ms/5/3`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Duration| match time.subsec_millis() {
            0 => time.as_secs().to_string(),
            _ => format!("{}ms", time.as_millis()),
        };
        let mut text = format!("{}/{}/{}", time(self.idle), time(self.interval), self.count);
        if let Some(user_timeout) = self.user_timeout {
            let short = Ms::from(user_timeout).to_string();
            text += " U=";
            text += &match duration::parse(&short) {
                Ok(same) if same == user_timeout => short,
                _ => format!("{}ms", user_timeout.as_millis()),
            };
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests;
