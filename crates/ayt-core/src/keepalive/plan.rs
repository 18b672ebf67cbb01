//! A policy as one system will have it.

use std::time::Duration;

use super::os::{Knob, Profile};
use super::{Detection, Downgrade, Instead, Kernel, Losses, Os, Outage, Policy, Setting, Value};

/// Numbers in effect: what [`Os::detection`] reckons with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Effective {
    /// `SO_KEEPALIVE` is on.
    pub enabled: bool,
    /// I.
    pub idle: Duration,
    /// V.
    pub interval: Duration,
    /// N.
    pub count: u32,
    /// U, where there is one.
    pub user_timeout: Option<Duration>,
}

/// A policy as one system will have it: what to set, and what differs from what
/// was asked. `None` = not to be set there, and [`Plan::downgrades`] says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The system.
    pub os: Os,
    /// I to set.
    pub idle: Option<Duration>,
    /// V to set.
    pub interval: Option<Duration>,
    /// N to set.
    pub count: Option<u32>,
    /// U to set.
    pub user_timeout: Option<Duration>,
    /// What could not be had as asked. Empty where everything can.
    pub downgrades: Vec<Downgrade>,
}

/// A time below one second on a system that counts seconds. It is refused, not
/// rounded to a second: it is nearly always milliseconds taken for seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("keepalive {setting} of {time:?}: {os} counts whole seconds; ask for at least 1 s", os = os.name())]
pub struct SubSecond {
    /// Which time.
    pub setting: Setting,
    /// What was asked.
    pub time: Duration,
    /// The system.
    pub os: Os,
}

impl Os {
    /// What this system will make of the policy: values rounded up to its unit and
    /// limited to its range, with each difference told.
    ///
    /// # Errors
    /// A time below one second where the system counts whole seconds.
    pub fn plan(self, policy: &Policy) -> Result<Plan, SubSecond> {
        let profile = self.profile();
        let mut downgrades = Vec::new();
        let mut time = |setting, asked, knob: Knob<Duration>| {
            settle_time(self, setting, asked, knob, &mut downgrades)
        };
        let idle = time(Setting::Idle, policy.idle(), profile.idle)?;
        let interval = time(Setting::Interval, policy.interval(), profile.interval)?;
        let user_timeout = match policy.user_timeout() {
            Some(asked) => time(Setting::UserTimeout, asked, profile.user_timeout)?,
            None => None,
        };
        let count = settle_count(policy.count(), profile.count, &mut downgrades);
        Ok(Plan {
            os: self,
            idle,
            interval,
            count,
            user_timeout,
            downgrades,
        })
    }

    /// When a death is found with these settings.
    #[must_use]
    pub fn detection(self, settings: &Effective, kernel: &Kernel) -> Detection {
        (self.profile().detection)(settings, kernel)
    }

    /// The shortest outage that kills with these settings.
    #[must_use]
    pub fn outage(self, settings: &Effective, kernel: &Kernel) -> Outage {
        (self.profile().outage)(settings, kernel)
    }

    /// How many losses in a row end a healthy connection with these settings.
    #[must_use]
    pub fn losses(self, settings: &Effective, kernel: &Kernel) -> Losses {
        (self.profile().losses)(settings, kernel)
    }
}

impl Plan {
    /// The settings as they will be in effect, with the system's own defaults where
    /// nothing is set.
    #[must_use]
    pub fn effective(&self) -> Effective {
        let Profile { defaults, .. } = self.os.profile();
        Effective {
            enabled: true,
            idle: self.idle.unwrap_or(defaults.idle),
            interval: self.interval.unwrap_or(defaults.interval),
            count: self.count.unwrap_or(defaults.count),
            user_timeout: self.user_timeout,
        }
    }

    /// When a death is found.
    #[must_use]
    pub fn detection(&self, kernel: &Kernel) -> Detection {
        self.os.detection(&self.effective(), kernel)
    }

    /// The shortest outage that kills.
    #[must_use]
    pub fn outage(&self, kernel: &Kernel) -> Outage {
        self.os.outage(&self.effective(), kernel)
    }
}

fn settle_time(
    os: Os,
    setting: Setting,
    asked: Duration,
    knob: Knob<Duration>,
    downgrades: &mut Vec<Downgrade>,
) -> Result<Option<Duration>, SubSecond> {
    let (unit, min, max) = match knob {
        Knob::Socket { unit, min, max, .. } => (unit, min, max),
        Knob::System { usual, why } => {
            downgrades.push(kept(setting, asked.into(), usual.into(), why));
            return Ok(None);
        }
        Knob::None { why } => {
            downgrades.push(none(setting, asked.into(), why));
            return Ok(None);
        }
    };
    let second = Duration::from_secs(1);
    if unit == second && asked < second {
        return Err(SubSecond {
            setting,
            time: asked,
            os,
        });
    }
    let units = asked.as_nanos().div_ceil(unit.as_nanos().max(1));
    let rounded = unit.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX));
    let taken = rounded.clamp(min, max);
    let why = match taken {
        _ if taken == asked => return Ok(Some(taken)),
        _ if taken == rounded => "it counts whole units; rounded up",
        _ if taken == max => "it is the largest value there",
        _ => "it is the smallest value there",
    };
    downgrades.push(takes(setting, asked.into(), taken.into(), why));
    Ok(Some(taken))
}

fn settle_count(asked: u32, knob: Knob<u32>, downgrades: &mut Vec<Downgrade>) -> Option<u32> {
    let setting = Setting::Count;
    match knob {
        Knob::Socket { min, max, .. } => {
            let taken = asked.clamp(min, max);
            if taken != asked {
                let why = "it is the largest value there";
                downgrades.push(takes(setting, asked.into(), taken.into(), why));
            }
            Some(taken)
        }
        Knob::System { usual, why } => {
            downgrades.push(kept(setting, asked.into(), usual.into(), why));
            None
        }
        Knob::None { why } => {
            downgrades.push(none(setting, asked.into(), why));
            None
        }
    }
}

fn takes(setting: Setting, asked: Value, taken: Value, why: &'static str) -> Downgrade {
    Downgrade {
        setting,
        asked,
        instead: Instead::Takes(taken),
        why,
    }
}

fn kept(setting: Setting, asked: Value, usual: Value, why: &'static str) -> Downgrade {
    Downgrade {
        setting,
        asked,
        instead: Instead::Keeps(usual),
        why,
    }
}

fn none(setting: Setting, asked: Value, why: &'static str) -> Downgrade {
    Downgrade {
        setting,
        asked,
        instead: Instead::Nothing,
        why,
    }
}

#[cfg(test)]
mod tests;
