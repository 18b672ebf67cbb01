//! A box on the way that forgets idle connections.

use std::fmt;
use std::time::Duration;

use super::Ground;
use crate::duration::{self, Ms};
use crate::keepalive::Effective;
use crate::middleboxes::{self, Expiry, Middlebox};

/// A box between the two ends: one that is known, or only its idle timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// A known one, with its default.
    Known(&'static Middlebox),
    /// Any box that forgets after this time and counts every segment.
    After(Duration),
}

/// Why `--behind` was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a box that ayt knows (`ayt plan --list-middleboxes`) nor an idle timeout such as 350s"
)]
pub struct UnknownBox(String);

impl Behind {
    /// After how long it forgets an idle connection.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        match self {
            Self::Known(known) => known.idle,
            Self::After(timeout) => *timeout,
        }
    }

    /// It ends TCP itself and counts data only: a keepalive probe, which the proxy's
    /// own kernel answers, does not keep it awake.
    #[must_use]
    pub fn counts_data_only(&self) -> bool {
        matches!(self, Self::Known(known) if known.expiry == Expiry::Closes)
    }

    /// How many probes in a row are sent at least before it forgets; 0 where even the
    /// first may come too late. `None` where probes do not matter to it.
    #[must_use]
    pub(super) fn probes_within(&self, settings: &Effective, ground: &Ground) -> Option<u32> {
        if self.counts_data_only() || !settings.enabled {
            return None;
        }
        let upto = |probes: u32| {
            // Probe k + 1 is sent when a count of k would end the connection.
            let until = Effective {
                count: probes,
                user_timeout: None,
                ..*settings
            };
            match ground.os.detection(&until, &ground.kernel).idle.span() {
                Some(span) => span.latest,
                // Systems whose lateness is not known: a tenth.
                None => {
                    let exact = settings.idle + settings.interval.saturating_mul(probes);
                    exact + exact / 10
                }
            }
        };
        let timeout = self.timeout();
        let first = upto(1).saturating_sub(settings.interval);
        if first >= timeout {
            return Some(0);
        }
        let last = (1..=settings.count).take_while(|probes| upto(*probes) < timeout);
        Some(1 + u32::try_from(last.count()).unwrap_or(u32::MAX))
    }
}

impl std::str::FromStr for Behind {
    type Err = UnknownBox;

    fn from_str(text: &str) -> Result<Self, UnknownBox> {
        if let Some(known) = middleboxes::find(text) {
            return Ok(Self::Known(known));
        }
        match duration::parse(text) {
            Ok(timeout) if !timeout.is_zero() => Ok(Self::After(timeout)),
            _ => Err(UnknownBox(text.to_owned())),
        }
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => write!(f, "{} ({})", known.name, Ms::from(known.idle)),
            Self::After(timeout) => {
                write!(f, "a box with an idle timeout of {}", Ms::from(*timeout))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keepalive::{Kernel, Os, Policy};

    #[test]
    fn a_box_is_named_or_timed() {
        assert_eq!("350s".parse(), Ok(Behind::After(Duration::from_secs(350))));
        let nlb: Behind = "aws-nlb".parse().unwrap();
        assert_eq!(nlb.to_string(), "AWS Network Load Balancer (5m50s)");
        for bad in ["", "aws", "350", "0"] {
            let error = bad.parse::<Behind>().unwrap_err();
            assert!(error.to_string().contains("--list-middleboxes"), "{bad}");
        }
    }

    #[test]
    fn a_box_lives_by_the_probes_that_fit_before_its_timeout() {
        let ground = Ground::new(Os::Linux, Kernel::default(), None);
        let within = |policy: &str, behind: &str| {
            let policy: Policy = policy.parse().unwrap();
            let settings = Os::Linux.plan(&policy).unwrap().effective();
            let behind: Behind = behind.parse().unwrap();
            behind.probes_within(&settings, &ground)
        };
        assert_eq!(within("60/10/6", "350s"), Some(7));
        assert_eq!(within("300/75/9", "aws-nlb"), Some(1));
        assert_eq!(within("7200/75/9", "aws-nlb"), Some(0));
        assert_eq!(within("60/10/6", "envoy"), None);
    }
}
