//! What the kernel is to watch on a session's connection beside the heartbeats, and when
//! it had better not.
//!
//! Heartbeats find a silent peer where it has promised some. The kernel's own timers find
//! what they leave: data that is never acknowledged (a one-way device's own heartbeats
//! among it), and a silent peer where nobody has promised anything.
//!
//! By default they are **no less patient than the heartbeats**, and **send nothing where
//! heartbeats are meant to be rare**: a probe a minute would wake the radio of a device
//! that beats once in nine, and hold open the very NAT mapping whose time that beat was
//! made for.

use std::time::Duration;

use crate::keepalive::{BadPolicy, Policy};

/// The shortest user timeout that is chosen: that of [`Policy::default`].
const LEAST: Duration = Duration::from_secs(115);
/// The longest. Linux without one gives up after 924 s (`tcp_retries2` of 15).
const MOST: Duration = Duration::from_secs(900);

/// What was agreed on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The longest silence of either side, if it has promised one.
    pub beats: [Option<Duration>; 2],
    /// Silences in a row before suspicion.
    pub misses: u8,
    /// How long an answer may take then.
    pub challenge: Duration,
}

impl Agreed {
    /// How long the more patient side waits for the other.
    fn patience(&self) -> Duration {
        let longest = self.beats.iter().flatten().max();
        longest.map_or(Duration::ZERO, |beat| {
            beat.saturating_mul(self.misses.into())
                .saturating_add(self.challenge)
        })
    }

    /// Both sides are meant to say nothing for longer than this.
    fn is_quieter_than(&self, time: Duration) -> bool {
        let shortest = self.beats.iter().flatten().min();
        shortest.is_some_and(|beat| *beat > time)
    }
}

/// What is wanted of the kernel: the default is [`Self::matched`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    probes: Probes,
    /// In place of that of the policy, if it was said.
    user_timeout: Option<Option<Duration>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Probes {
    #[default]
    Matched,
    As(Policy),
    None,
}

/// What is to be set on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// I/V/N and U.
    pub policy: Policy,
    /// Whether keepalive is on. Without, only U of the policy has an effect.
    pub probes: bool,
}

impl Wish {
    /// What goes with the heartbeats.
    #[must_use]
    pub fn matched() -> Self {
        Self::default()
    }

    /// This policy, whatever the heartbeats.
    #[must_use]
    pub const fn policy(self, policy: Policy) -> Self {
        Self {
            probes: Probes::As(policy),
            user_timeout: None,
        }
    }

    /// Nothing: neither probes nor a user timeout.
    #[must_use]
    pub const fn nothing(self) -> Self {
        Self {
            probes: Probes::None,
            user_timeout: None,
        }
    }

    /// This user timeout in place of the policy's; `None`: none.
    #[must_use]
    pub const fn user_timeout(self, user_timeout: Option<Duration>) -> Self {
        Self {
            user_timeout: Some(user_timeout),
            ..self
        }
    }

    /// The policies that it may come to.
    ///
    /// # Errors
    /// The user timeout is out of range.
    pub fn check(&self) -> Result<Policy, BadPolicy> {
        let policy = match self.probes {
            Probes::As(policy) => policy,
            Probes::Matched | Probes::None => Policy::default(),
        };
        self.with_user_timeout(policy)
    }

    /// What to set on a connection with these heartbeats; `None`: nothing.
    #[must_use]
    pub fn of(&self, agreed: &Agreed) -> Option<Watch> {
        let (policy, probes) = match self.probes {
            Probes::As(policy) => (policy, true),
            Probes::Matched => {
                let policy = matched(agreed.patience());
                (policy, !agreed.is_quieter_than(policy.idle()))
            }
            Probes::None => (Policy::default().without_user_timeout(), false),
        };
        // It was checked.
        let policy = self.with_user_timeout(policy).ok()?;
        (probes || policy.user_timeout().is_some()).then_some(Watch { policy, probes })
    }

    fn with_user_timeout(&self, policy: Policy) -> Result<Policy, BadPolicy> {
        match self.user_timeout {
            None => Ok(policy),
            Some(None) => Ok(policy.without_user_timeout()),
            Some(Some(time)) => policy.with_user_timeout(time),
        }
    }
}

/// [`Policy::default`] with a user timeout that is as long as the heartbeats' patience,
/// and as many probes as fit.
fn matched(patience: Duration) -> Policy {
    let default = Policy::default();
    let seconds = patience.clamp(LEAST, MOST).as_millis().div_ceil(1_000);
    let user_timeout = Duration::from_secs(seconds as u64);
    let left = user_timeout - default.idle();
    let count = left.as_secs().div_ceil(default.interval().as_secs());
    Policy::new(default.idle(), default.interval(), count as u32)
        .and_then(|policy| policy.with_user_timeout(user_timeout))
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn agreed(beats: [u64; 2], misses: u8) -> Agreed {
        Agreed {
            beats: beats.map(|beat| (beat > 0).then(|| S(beat))),
            misses,
            challenge: S(5),
        }
    }

    fn shown(wish: Wish, agreed: Agreed) -> String {
        wish.of(&agreed).map_or("nothing".into(), |watch| {
            let probes = if watch.probes { "" } else { " without probes" };
            format!("{}{probes}", watch.policy)
        })
    }

    #[test]
    fn by_default_it_goes_with_the_heartbeats() {
        for (beats, misses, expected) in [
            // Nobody promises anything: the kernel alone finds out.
            ([0, 0], 2, "60/10/6 U=1m55s"),
            // The defaults, and a one-way device: the probes never come to be sent.
            ([30, 30], 2, "60/10/6 U=1m55s"),
            ([30, 0], 2, "60/10/6 U=1m55s"),
            ([60, 3_600], 1, "60/10/84 U=15m"),
            // As patient as the heartbeats.
            ([30, 0], 5, "60/10/10 U=2m35s"),
            ([60, 0], 10, "60/10/55 U=10m5s"),
            // Rare ones: nothing is sent in between.
            ([61, 0], 1, "60/10/6 U=1m55s without probes"),
            ([540, 0], 1, "60/10/49 U=9m5s without probes"),
            ([3_600, 3_600], 2, "60/10/84 U=15m without probes"),
        ] {
            let agreed = agreed(beats, misses);
            assert_eq!(shown(Wish::matched(), agreed), expected, "{agreed:?}");
        }
    }

    #[test]
    fn the_default_policy_is_what_comes_of_the_default_beats() {
        let watch = Wish::matched().of(&agreed([30, 30], 2));
        let policy = Policy::default();
        let probes = true;
        assert_eq!(watch, Some(Watch { policy, probes }));
    }

    #[test]
    fn what_was_asked_for_is_not_matched() {
        let rare = agreed([540, 0], 2);
        let policy: Policy = "5/1/3".parse().unwrap();
        let wish = Wish::matched().policy(policy);
        assert_eq!(shown(wish, rare), "5/1/3");
        assert_eq!(shown(wish.user_timeout(Some(S(7))), rare), "5/1/3 U=7s");
        assert_eq!(
            shown(wish.user_timeout(Some(S(7))).nothing(), rare),
            "nothing"
        );
        let alone = wish.nothing().user_timeout(Some(S(7)));
        assert_eq!(shown(alone, rare), "60/10/6 U=7s without probes");
        let no_user_timeout = Wish::matched().user_timeout(None);
        assert_eq!(shown(no_user_timeout, rare), "nothing");
        assert_eq!(shown(no_user_timeout, agreed([0, 0], 2)), "60/10/6");
        let other = Wish::matched().user_timeout(Some(S(20)));
        assert_eq!(shown(other, agreed([30, 0], 2)), "60/10/6 U=20s");
    }

    #[test]
    fn a_user_timeout_out_of_range_is_found_at_the_start() {
        let bad = Wish::matched().user_timeout(Some(Duration::ZERO));
        assert!(matches!(bad.check(), Err(BadPolicy::Time { .. })));
        assert!(bad.nothing().check().is_ok());
    }
}
