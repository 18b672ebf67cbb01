//! The idle path: `tcp_keepalive_timer`.
//!
//! The timer first runs at I after the last byte or acknowledgement received,
//! then every V. Each run looks whether to end the connection before it sends the
//! next probe:
//!
//! - without U: ended when N probes are unanswered, so at the run I + V·N;
//! - with U: ended when at least one probe is unanswered and U has passed since the
//!   last thing received; N no longer counts. So at the first run k ≥ 1 with
//!   I + V·k ≥ U.
//!
//! Runs are late as the wheel makes them; with U that can make an earlier run
//! reach U, which is then the earliest end.

use std::time::Duration;

use super::wheel::{Chain, bucket, ticks, time};
use crate::keepalive::{Effective, Span};

/// When the death of a silent peer is found, from the last byte received.
pub(in crate::keepalive) fn idle(settings: &Effective, hz: u32) -> Span {
    let runs = Runs::new(settings, hz);
    let (earliest, latest) = match settings.user_timeout {
        None => {
            let end = runs.run(settings.count);
            (end.earliest, end.latest)
        }
        Some(user_timeout) => {
            let limit = ticks(user_timeout, hz);
            let first = runs.run(runs.first_that_may_reach(limit));
            let last = runs.run(runs.first_that_reaches(limit));
            // The run before the last had not reached U.
            let chained = limit.saturating_add(runs.step + 1);
            let earliest = first.earliest.max(limit.saturating_sub(1));
            let latest = last.latest.min(chained.max(runs.run(1).latest));
            (earliest, latest)
        }
    };
    Span {
        earliest: time(earliest, hz),
        latest: time(latest.saturating_add(1), hz),
    }
}

/// The shortest outage that kills: all probes but the first may be sent within it,
/// and the run that ends the connection sends none.
pub(in crate::keepalive) fn idle_outage(settings: &Effective, hz: u32) -> Duration {
    let probes = idle_probes(settings, hz);
    settings.interval.saturating_mul(probes.saturating_sub(1))
}

/// How many probes at least are sent, and lost, before the connection ends.
pub(in crate::keepalive) fn idle_probes(settings: &Effective, hz: u32) -> u32 {
    match settings.user_timeout {
        None => settings.count,
        Some(user_timeout) => Runs::new(settings, hz).first_that_may_reach(ticks(user_timeout, hz)),
    }
}

/// The runs of the timer, in ticks: number 0 sends the first probe.
struct Runs {
    /// Run 1, the first that can end the connection.
    first: Chain,
    interval: u64,
    /// From one run to the next, from run 1 on.
    step: u64,
}

impl Runs {
    fn new(settings: &Effective, hz: u32) -> Self {
        let (idle, interval) = (
            ticks(settings.idle, hz),
            ticks(settings.interval, hz).max(1),
        );
        // The timer that becomes run 0 was set for I, or for what was left of I when
        // it last ran: for any shorter time, and so on any smaller bucket.
        let largest = bucket(idle);
        let buckets = std::iter::successors(Some(1), |bucket: &u64| bucket.checked_mul(8));
        let starts = buckets
            .take_while(|bucket| *bucket <= largest)
            .map(|bucket| Chain::from(idle, idle.saturating_add(bucket), bucket).then(interval));
        let all = starts.reduce(|one, other| {
            let earliest = one.earliest.min(other.earliest);
            Chain::from(earliest, one.latest.max(other.latest), bucket(interval))
        });
        let first = all.unwrap_or_else(|| Chain::from(idle, idle, 1).then(interval));
        Self {
            first,
            interval,
            step: first
                .then(interval)
                .earliest
                .saturating_sub(first.earliest)
                .max(1),
        }
    }

    /// When run `number` comes; from run 1.
    fn run(&self, number: u32) -> Chain {
        self.first
            .then_many(self.interval, number.saturating_sub(1))
    }

    /// The first run, from 1, that has reached U even if none was later than it
    /// must be.
    fn first_that_reaches(&self, limit: u64) -> u32 {
        self.steps(limit.saturating_sub(self.first.earliest))
    }

    /// The first run, from 1, that may have reached U because run 0 was late. The
    /// kernel counts elapsed time in ticks begun: up to one more than passed.
    fn first_that_may_reach(&self, limit: u64) -> u32 {
        self.steps(limit.saturating_sub(self.first.latest.saturating_add(1)))
    }

    /// The first run that is that far, or farther, behind run 1.
    fn steps(&self, distance: u64) -> u32 {
        u32::try_from(distance.div_ceil(self.step)).map_or(u32::MAX, |n| n.saturating_add(1))
    }
}
