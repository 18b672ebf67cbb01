//! Where the number of ports in use goes, from the ages of TIME_WAIT sockets.

use crate::facts::Socket;
use crate::tcp_state::TcpState;

/// How long TIME_WAIT lasts (`TCP_TIMEWAIT_LEN` in `include/net/tcp.h`).
pub(super) const LIFETIME_MS: u64 = 60_000;
/// From this age on `tcp_tw_reuse` gives the port to a new connection
/// (`tcp_tw_reuse_delay`, default 1000 ms).
pub(super) const REUSE_AFTER_MS: u64 = 1000;
/// The rate is taken over two spans of this length.
const SPAN_MS: u64 = 5000;

/// The ports of one path, now and soon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Forecast {
    /// In use now.
    pub(super) used: u64,
    /// Of these, in TIME_WAIT.
    pub(super) time_wait: u64,
    /// New TIME_WAIT sockets a second, sustained.
    pub(super) rate: f64,
    /// In use once as many expire as come, if it goes on like this.
    pub(super) steady: u64,
    /// When the last port is taken; `None` if that does not happen.
    pub(super) exhausted_in_ms: Option<u64>,
}

impl Forecast {
    pub(super) fn of(sockets: &[&Socket], ports: u64, lifetime_ms: u64) -> Self {
        let ages = || {
            let time_wait = |socket: &&&Socket| socket.state == TcpState::TimeWait;
            let waiting = sockets.iter().filter(time_wait);
            waiting.filter_map(|socket| socket.age_at_least_ms())
        };
        let within = |from: u64, to: u64| {
            let count = ages().filter(|age| (from..to).contains(age)).count();
            count as u64
        };
        let all_waiting = ages().count() as u64;
        let others = sockets.len() as u64 - all_waiting;
        let time_wait = within(0, lifetime_ms.max(1));
        // A burst is no trend: what both halves of the last ten seconds show.
        let sustained = within(0, SPAN_MS).min(within(SPAN_MS, 2 * SPAN_MS));
        let rate = sustained as f64 * 1000.0 / SPAN_MS as f64;
        let used = others + time_wait;
        let steady = others + sustained * lifetime_ms / SPAN_MS;
        let mut forecast = Self {
            used,
            time_wait,
            rate,
            steady,
            exhausted_in_ms: None,
        };
        if used >= ports {
            forecast.exhausted_in_ms = Some(0);
        } else if steady >= ports {
            let left = ages().filter_map(|age| lifetime_ms.checked_sub(age));
            forecast.exhausted_in_ms = Some(exhausted(left.collect(), forecast, ports));
        }
        forecast
    }
}

/// When `used` plus what comes less what expires reaches `ports`, ms. `left` is
/// how long each TIME_WAIT socket still holds its port.
fn exhausted(mut left: Vec<u64>, forecast: Forecast, ports: u64) -> u64 {
    left.sort_unstable();
    let per_ms = forecast.rate / 1000.0;
    let free = (ports - forecast.used) as f64;
    let needs = |expired: usize| ((free + expired as f64) / per_ms).ceil() as u64;
    let reached = left
        .iter()
        .enumerate()
        .map(|(expired, &next_expiry)| (needs(expired), next_expiry))
        .find(|(at, next_expiry)| at <= next_expiry);
    reached.map_or_else(|| needs(left.len()), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample::socket;

    /// TIME_WAIT sockets of the given ages.
    fn forecast(ages_ms: impl Iterator<Item = u32>, ports: u64) -> Forecast {
        let sockets: Vec<_> = ages_ms
            .map(|age| {
                let mut socket = socket(1, TcpState::TimeWait, "10.0.0.1:40000", "10.0.0.9:80");
                socket.timer.expires_ms = 60_000 - age;
                socket
            })
            .collect();
        let sockets: Vec<_> = sockets.iter().collect();
        Forecast::of(&sockets, ports, LIFETIME_MS)
    }

    #[test]
    fn a_rise_that_began_ten_seconds_ago_is_carried_on() {
        // 10 a second since 10 s: 100 now, 600 in the steady state, and 400 at
        // 40 s, before the first expires.
        let rising = forecast((0..100).map(|at| at * 100), 400);
        assert_eq!((rising.used, rising.steady), (100, 600));
        assert_eq!(rising.exhausted_in_ms, Some(30_000));
        assert_eq!(
            forecast((0..100).map(|at| at * 100), 601).exhausted_in_ms,
            None
        );
    }

    #[test]
    fn what_expires_on_the_way_puts_exhaustion_off() {
        // As above, and 50 that expire within a second.
        let ages = || (0..100).map(|at| at * 100).chain((0..50).map(|_| 59_500));
        assert_eq!(forecast(ages(), 400).exhausted_in_ms, Some(30_000));
        assert_eq!(forecast(ages(), 151).exhausted_in_ms, Some(100));
    }

    #[test]
    fn a_burst_is_no_trend() {
        let burst = forecast((0..300).map(|at| at * 10), 1000);
        assert_eq!(
            (burst.used, burst.steady, burst.exhausted_in_ms),
            (300, 0, None)
        );
    }

    #[test]
    fn a_steady_state_stays_where_it_is() {
        let steady = forecast((0..600).map(|at| at * 100), 700);
        assert_eq!(
            (steady.used, steady.steady, steady.exhausted_in_ms),
            (600, 600, None)
        );
    }
}
