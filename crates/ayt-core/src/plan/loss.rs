//! How likely a healthy connection is to be taken for dead.
//!
//! Segments are lost independently, each with the same probability: what comes in
//! bursts is an outage, and told apart. A probe is in vain when it or its answer is
//! lost: q = 1 − (1 − p)². Reckoned for a month of a connection that is idle all the
//! time, so that every probe that can be sent is:
//!
//! - keepalive: a series of n lost probes in a row begins with one of the month's
//!   probes: at most probes·qⁿ;
//! - a heartbeat that is never acknowledged in U: its n transmissions are all lost, or
//!   arrive and their answers are lost, and so is the peer's own next heartbeat, which
//!   would acknowledge it: heartbeats·(pⁿ + (qⁿ − pⁿ)·p);
//! - a heartbeat that comes too late: all n transmissions of it before M·B + C is over
//!   are lost on their way there: heartbeats·pⁿ.
//!
//! The sum bounds the probability of any of them.

use std::time::Duration;

use super::Ground;
use super::traffic::times_a_month;
use crate::detectors::Terms;
use crate::keepalive::Effective;

/// What is called safe: less than this a connection-month.
pub const SAFE: f64 = 1e-6;

/// A probability of loss of one segment: 0 ≤ p < 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Loss(f64);

impl Loss {
    /// A share from 0 to, but without, 1.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..1.0).contains(&share).then_some(Self(share))
    }

    /// The share of segments that is lost.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0
    }

    /// A segment or its answer is lost.
    pub(super) fn in_vain(self) -> f64 {
        1.0 - (1.0 - self.0) * (1.0 - self.0)
    }
}

/// A segment is asked for an answer every `period`, and `probes` in a row must be in
/// vain: how likely that is in a month.
pub(super) fn series(period: Duration, chance: f64, probes: u32) -> f64 {
    times_a_month(period) * chance.powi(i32::try_from(probes).unwrap_or(i32::MAX))
}

/// The probability that a month of a connection on which nothing but probes and
/// heartbeats (both ways) is sent ends in a false death. What is not known of a system's
/// retransmissions is left out, and so are settings that never end a connection.
#[must_use]
pub fn false_death(
    settings: &Effective,
    beat: Option<&Terms>,
    holds: Option<u32>,
    loss: Loss,
    ground: &Ground,
) -> f64 {
    let losses = ground.losses(settings);
    let period = settings.idle.max(settings.interval);
    let mut chance = 0.0;
    if let Some(probes) = losses.idle {
        // A box that forgets sooner needs fewer losses.
        let probes = probes.min(holds.unwrap_or(u32::MAX));
        chance += series(period, loss.in_vain(), probes);
    }
    if let Some(terms) = beat {
        chance += unacknowledged(settings, terms, loss, losses.in_flight);
        chance += late_beat(terms, loss, ground).unwrap_or(0.0);
    }
    chance.min(1.0)
}

/// A heartbeat is never acknowledged, although the peer lives.
fn unacknowledged(settings: &Effective, terms: &Terms, loss: Loss, sent: Option<u32>) -> f64 {
    let Some(sent) = sent else { return 0.0 };
    let lost = series(terms.interval(), loss.share(), sent);
    let in_vain = series(terms.interval(), loss.in_vain(), sent);
    // Where it did arrive, the peer's own next beat acknowledges it as well.
    let beat_in_time = settings
        .user_timeout
        .is_none_or(|user_timeout| terms.interval() * 3 / 2 <= user_timeout);
    let other = if beat_in_time { loss.share() } else { 1.0 };
    lost + (in_vain - lost).max(0.0) * other
}

/// A heartbeat comes after the peer's patience with it is over.
pub(super) fn late_beat(terms: &Terms, loss: Loss, ground: &Ground) -> Option<f64> {
    let sent = transmissions_within(spare_time(terms), ground)?;
    Some(series(terms.interval(), loss.share(), sent))
}

/// How late a heartbeat may come: M·B + C after the one before, less B.
pub(super) fn spare_time(terms: &Terms) -> Duration {
    terms.detection().saturating_sub(terms.interval())
}

/// Transmissions of one segment within that time of its first, at least.
fn transmissions_within(time: Duration, ground: &Ground) -> Option<u32> {
    // Counted from the first retransmission, which may take two timeouts.
    let after_first = time.saturating_sub(ground.longest_rto() * 2 + Duration::from_millis(40));
    if after_first.is_zero() {
        return Some(1);
    }
    let settings = Effective {
        enabled: false,
        idle: Duration::from_secs(7_200),
        interval: Duration::from_secs(75),
        count: 9,
        user_timeout: Some(after_first),
    };
    ground.losses(&settings).in_flight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keepalive::{Kernel, Os, Policy};

    fn effective(policy: &str) -> Effective {
        let policy: Policy = policy.parse().unwrap();
        Os::Linux.plan(&policy).unwrap().effective()
    }

    fn ground() -> Ground {
        Ground::new(Os::Linux, Kernel::default(), None)
    }

    #[test]
    fn a_series_of_lost_probes_is_counted_for_each_that_can_begin_it() {
        let loss = Loss::new(0.1).unwrap();
        // 30 days of a probe a minute, 0.19 of them in vain, three in a row.
        let chance = false_death(&effective("60/5/3"), None, None, loss, &ground());
        assert!((chance - 1.0).abs() < 1e-9, "{chance}");
        let chance = false_death(&effective("60/5/9"), None, None, loss, &ground());
        let expected = 43_200.0 * 0.19_f64.powi(9);
        assert!((chance - expected).abs() < 1e-9, "{chance}");
    }

    #[test]
    fn a_user_timeout_may_need_fewer_losses_than_the_count() {
        let loss = Loss::new(0.02).unwrap();
        let chance = |policy| false_death(&effective(policy), None, None, loss, &ground());
        assert!(chance("60/5/9 U=70s") > 1_000.0 * chance("60/5/9"));
    }

    #[test]
    fn a_heartbeat_adds_what_may_happen_to_it() {
        let loss = Loss::new(0.02).unwrap();
        let terms = Terms::new(Duration::from_secs(10), 2, Duration::from_secs(5)).unwrap();
        let settings = effective("5/1/40 U=12s");
        let alone = false_death(&settings, None, None, loss, &ground());
        let both = false_death(&settings, Some(&terms), None, loss, &ground());
        let patient = effective("5/1/40 U=44s");
        let longer = false_death(&patient, Some(&terms), None, loss, &ground());
        assert!(both > alone && longer < both, "{alone} {both} {longer}");
    }

    #[test]
    fn without_loss_nothing_dies_and_a_box_makes_it_more_likely() {
        let policy = effective("60/5/6");
        let none = Loss::new(0.0).unwrap();
        assert_eq!(false_death(&policy, None, None, none, &ground()), 0.0);
        let some = Loss::new(0.02).unwrap();
        let free = false_death(&policy, None, None, some, &ground());
        let boxed = false_death(&policy, None, Some(2), some, &ground());
        assert!(boxed > free);
        assert!(Loss::new(1.0).is_none() && Loss::new(-0.1).is_none());
        assert!(Loss::new(f64::NAN).is_none());
    }

    #[test]
    fn what_windows_retransmits_is_left_out() {
        let windows = Ground::new(Os::Windows { build: 0 }, Kernel::default(), None);
        let terms = Terms::new(Duration::from_secs(10), 2, Duration::from_secs(5)).unwrap();
        let loss = Loss::new(0.02).unwrap();
        let settings = effective("60/5/9");
        let chance = |beat| false_death(&settings, beat, None, loss, &windows);
        assert_eq!(chance(Some(&terms)), chance(None));
        assert!(chance(None) > 0.0);
    }
}
