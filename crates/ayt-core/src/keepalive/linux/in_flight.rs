//! Data in flight: `tcp_retransmit_timer`.
//!
//! The first retransmission by timeout comes one RTO after the data was sent, or
//! two where a tail-loss probe is tried before (that is the rule for the last
//! segments of a burst; `tcp_send_loss_probe`). From then on the timeout doubles
//! up to its maximum, and each run looks whether enough time has passed *since
//! that first retransmission* (`retrans_stamp`):
//!
//! - with U: ended once U has passed; the timeout is cut so that it runs just then
//!   (`tcp_clamp_rto_to_user_timeout`, Linux 4.19);
//! - without: ended at the first run after what `tcp_retries2` doublings of 200 ms
//!   take (`tcp_model_timeout`): 924.6 s for 15, 102.2 s for 8.

use std::time::Duration;

use super::wheel::{Chain, bucket, ticks, time};
use crate::keepalive::{Kernel, Span};

/// The timeout that `tcp_retries2` is reckoned with (`TCP_RTO_MIN`).
const RTO_MIN: Duration = Duration::from_millis(200);

/// The longest user timeout the kernel takes.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// When unacknowledged data ends the connection, from its `send`.
pub(in crate::keepalive) fn in_flight(
    user_timeout: Option<Duration>,
    kernel: &Kernel,
    hz: u32,
) -> Span {
    let (first_earliest, first_latest) = first_retransmission(kernel, hz);
    let (earliest, latest) = match user_timeout {
        Some(user_timeout) => {
            ends_by_user_timeout(ticks(user_timeout.min(LONGEST), hz), kernel, hz)
        }
        None => ends_by_retries(ticks(model_timeout(kernel), hz), kernel, hz),
    };
    Span {
        earliest: time(first_earliest + earliest, hz),
        latest: time(first_latest + latest, hz),
    }
}

/// From the first retransmission. The kernel looks at milliseconds: its clock may
/// be a tick off either way.
fn ends_by_user_timeout(limit: u64, kernel: &Kernel, hz: u32) -> (u64, u64) {
    let (mut before, mut latest) = (Chain::from(0, 0, 1), limit);
    for wait in waits(kernel, hz) {
        // The last wait is cut to what is left of U; one that is not cut may still
        // run late, past U.
        let cut = limit.saturating_sub(before.earliest).min(wait).max(1);
        latest = latest.max(limit + bucket(cut));
        let run = before.then(wait);
        if run.earliest >= limit {
            break;
        }
        latest = latest.min(limit + bucket(wait));
        before = run;
    }
    (limit.saturating_sub(1), latest + 2)
}

/// From the first retransmission: at the first run at or after the limit.
fn ends_by_retries(limit: u64, kernel: &Kernel, hz: u32) -> (u64, u64) {
    let mut earliest = None;
    let mut run = Chain::from(0, 0, 1);
    for wait in waits(kernel, hz) {
        run = run.then(wait);
        if run.latest + 1 >= limit {
            earliest.get_or_insert(run.earliest.max(limit - 1));
        }
        if run.earliest >= limit {
            break;
        }
    }
    (earliest.unwrap_or(limit), run.latest + 1)
}

/// The shortest outage that kills data sent as it begins: up to just after the
/// last retransmission before the end.
pub(in crate::keepalive) fn in_flight_outage(
    user_timeout: Option<Duration>,
    kernel: &Kernel,
    hz: u32,
) -> Duration {
    let limit = user_timeout.map_or_else(|| model_timeout(kernel), |time| time.min(LONGEST));
    let limit = ticks(limit, hz);
    let mut last = Chain::from(0, 0, 1);
    for wait in waits(kernel, hz) {
        let run = last.then(wait);
        if run.latest + 1 >= limit {
            break;
        }
        last = run;
    }
    time(first_retransmission(kernel, hz).0 + last.earliest, hz)
}

/// How often one segment is sent before `limit` after its first retransmission by
/// timeout ends the connection: the first time, as a tail-loss probe (where SACK and
/// `tcp_early_retrans` are on, as by default), by that timeout, and then at least so
/// often.
pub(in crate::keepalive) fn transmissions(limit: Duration, kernel: &Kernel, hz: u32) -> u32 {
    let limit = ticks(limit.min(LONGEST), hz);
    let mut run = Chain::from(0, 0, 1);
    let mut sent = 3;
    for wait in waits(kernel, hz) {
        run = run.then(wait);
        if run.latest + 1 >= limit {
            break;
        }
        sent += 1;
    }
    sent
}

/// When the first retransmission by timeout goes out, in ticks from the `send`:
/// after one timeout, or after a tail-loss probe, which comes no later than one,
/// and another.
fn first_retransmission(kernel: &Kernel, hz: u32) -> (u64, u64) {
    let rto = ticks(kernel.rto_at(hz), hz);
    (rto, 2 * (rto + bucket(rto)) + 1)
}

/// The waits after the first retransmission, in ticks, without end.
fn waits(kernel: &Kernel, hz: u32) -> impl Iterator<Item = u64> {
    let max = ticks(kernel.longest_rto(), hz);
    let first = (ticks(kernel.rto_at(hz), hz) * 2).clamp(1, max);
    std::iter::successors(Some(first), move |wait| Some((*wait * 2).min(max)))
}

/// `tcp_model_timeout`.
pub(in crate::keepalive) fn model_timeout(kernel: &Kernel) -> Duration {
    let rto_max = kernel.longest_rto();
    let doublings = rto_max.as_millis() / RTO_MIN.as_millis();
    let linear_from = doublings.max(1).ilog2();
    let retries = u32::from(kernel.retries2);
    let doubled = RTO_MIN * ((2 << retries.min(linear_from)) - 1);
    doubled + rto_max * retries.saturating_sub(linear_from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: Duration) -> u128 {
        time.as_millis()
    }

    #[test]
    fn retries2_is_what_the_manual_says() {
        for (retries2, expected) in [(15, 924_600), (8, 102_200), (0, 200), (3, 3_000)] {
            let kernel = Kernel {
                retries2,
                ..Kernel::default()
            };
            assert_eq!(ms(model_timeout(&kernel)), expected, "{retries2}");
        }
        let one_second = Duration::from_secs(1);
        let kernel = Kernel {
            rto_max: one_second,
            ..Kernel::default()
        };
        assert_eq!(ms(model_timeout(&kernel)), 1_400 + 13_000);
    }

    #[test]
    fn what_was_measured_lies_within() {
        let kernel = Kernel {
            hz: Some(250),
            ..Kernel::default()
        };
        let span = in_flight(Some(Duration::from_secs(5)), &kernel, 250);
        for measured in [5_420, 5_670] {
            assert!(span.contains(Duration::from_millis(measured)), "{span:?}");
        }
        assert!(span.latest < Duration::from_millis(5_700), "{span:?}");
    }

    #[test]
    fn without_a_user_timeout_it_takes_a_quarter_of_an_hour() {
        let kernel = Kernel::default();
        let span = in_flight(None, &kernel, 250);
        assert!(span.earliest >= Duration::from_millis(924_600), "{span:?}");
        assert!(span.latest <= Duration::from_secs(945), "{span:?}");
    }

    #[test]
    fn what_is_sent_again_doubles_its_distance() {
        // At 0, by the probe, by timeout, and 0.4, 1.2 and 2.9 s after that.
        let kernel = Kernel::default();
        for (limit_ms, sent) in [(100, 3), (600, 4), (5_000, 6), (924_600, 17)] {
            let limit = Duration::from_millis(limit_ms);
            assert_eq!(transmissions(limit, &kernel, 250), sent, "{limit_ms}");
        }
    }

    #[test]
    fn an_outage_of_two_thirds_of_the_user_timeout_can_kill() {
        // Retransmissions 0.4, 1.2 and 2.9 s after the first, itself after 0.2 s: none
        // between there and the end at 5 s.
        let kernel = Kernel::default();
        let outage = in_flight_outage(Some(Duration::from_secs(5)), &kernel, 250);
        assert_eq!(ms(outage), 204 + 2_908);
    }
}
