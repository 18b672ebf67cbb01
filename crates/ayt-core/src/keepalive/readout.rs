//! What a system says of one socket.

use std::fmt;
use std::time::Duration;

use super::Effective;
use crate::duration::Ms;
use crate::fact::Fact;

/// The settings in effect on one socket, as its system tells them. What it cannot
/// tell is unknown with the reason, never a default taken for the truth.
///
/// An option that was never set reads as the system's value of the moment, and
/// follows that value; once set it is pinned, even if it is set to the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `SO_KEEPALIVE` is on.
    pub enabled: Fact<bool>,
    /// I.
    pub idle: Fact<Duration>,
    /// V.
    pub interval: Fact<Duration>,
    /// N.
    pub count: Fact<u32>,
    /// U; `None` = none is set.
    pub user_timeout: Fact<Option<Duration>>,
}

impl Settings {
    /// The settings as numbers, where the system told all of them.
    #[must_use]
    pub fn effective(&self) -> Option<Effective> {
        Some(Effective {
            enabled: *self.enabled.known()?,
            idle: *self.idle.known()?,
            interval: *self.interval.known()?,
            count: *self.count.known()?,
            user_timeout: *self.user_timeout.known()?,
        })
    }
}

/// Writes `60s/5s/3 U=20s`, `off`, with `?` for what is not known.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |fact: &Fact<Duration>| match fact {
            Fact::Known(time) => Ms::from(*time).to_string(),
            Fact::Unknown(_) => "?".to_owned(),
        };
        match self.enabled {
            Fact::Known(true) => {}
            Fact::Known(false) => f.write_str("off, ")?,
            Fact::Unknown(_) => f.write_str("? ")?,
        }
        write!(f, "{}/{}/", time(&self.idle), time(&self.interval))?;
        match self.count {
            Fact::Known(count) => write!(f, "{count}")?,
            Fact::Unknown(_) => f.write_str("?")?,
        }
        match self.user_timeout {
            Fact::Known(None) => Ok(()),
            Fact::Known(Some(time)) => write!(f, " U={}", Ms::from(time)),
            Fact::Unknown(_) => f.write_str(" U=?"),
        }
    }
}
