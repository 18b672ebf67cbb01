//! A small simulation of the kernel's own timers, written after its source and
//! apart from the formulas, that says when a connection ends. Every end must lie
//! within the span the formulas give.

use std::time::Duration;

use proptest::prelude::*;

use super::wheel::exact::fires;
use super::{idle, idle_outage, in_flight, in_flight_outage, model_timeout, transmissions};
use crate::keepalive::{Effective, Kernel};

const RATES: [u32; 3] = [100, 250, 1000];
/// Parts of a tick: bytes come between ticks, timers run on them.
const PARTS: u64 = 100;

fn time(parts: u64, hz: u32) -> Duration {
    Duration::from_nanos(parts * (1_000_000_000 / u64::from(hz)) / PARTS)
}

/// How a keepalive timer stands when the last byte comes.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// When the last byte came, in parts of a tick.
    last_byte: u64,
    /// How many ticks before that the timer was set.
    set_before: u64,
    /// For how many ticks, out of all that the idle time allows.
    set_for: u64,
}

fn start() -> impl Strategy<Value = Start> {
    (1_u64 << 30..1 << 32, 0_u64..1 << 20, any::<u64>()).prop_map(
        |(last_byte, set_before, set_for)| Start {
            last_byte,
            set_before,
            set_for,
        },
    )
}

/// `tcp_keepalive_timer`, run until the connection ends: when, from the last byte,
/// and when the last probe went out.
fn keepalive_timer(
    (idle_s, interval_s, count): (u64, u64, u32),
    user_timeout_ms: Option<u64>,
    hz: u32,
    start: Start,
) -> (Duration, Duration) {
    let rate = u64::from(hz);
    let (idle, interval) = (idle_s * rate, interval_s * rate);
    let user_timeout = user_timeout_ms.map(|ms| (ms * rate).div_ceil(1000));
    let received = start.last_byte / PARTS;
    let mut now = fires(
        received.saturating_sub(start.set_before % idle),
        start.set_for % idle + 1,
    );
    while now <= received {
        // A run before the last byte came: it sets itself for what is left.
        now = fires(now, (start.set_for / 7) % idle + 1);
    }
    let (mut probes_out, mut last_probe) = (0, 0);
    loop {
        let elapsed = now - received;
        let next = if elapsed < idle {
            idle - elapsed
        } else {
            let ended = match user_timeout {
                Some(limit) => elapsed >= limit && probes_out > 0,
                None => probes_out >= count,
            };
            let since = now * PARTS - start.last_byte;
            if ended {
                return (time(since, hz), time(last_probe, hz));
            }
            probes_out += 1;
            last_probe = since;
            interval
        };
        now = fires(now, next);
    }
}

/// `tcp_retransmit_timer` from the sending of data to the end: when, when the last
/// retransmission went out, and how often the data was sent.
fn retransmit_timer(
    user_timeout_ms: Option<u64>,
    retries2: u32,
    hz: u32,
    sent_at: u64,
    tail_loss_probe: Option<u64>,
) -> (Duration, Duration, u32) {
    let rate = u64::from(hz);
    let ms_of = |tick: u64| tick * 1000 / rate;
    let rto = rate / 5 + 1;
    let mut now = sent_at / PARTS;
    if let Some(after) = tail_loss_probe {
        now = fires(now, after.min(rto));
    }
    now = fires(now, rto);
    let (first, mut last) = (now, now);
    let mut sent = 2 + u32::from(tail_loss_probe.is_some());
    let mut backed_off = rto;
    let model_ms = |retries: u32| {
        let doubled = 200 * ((2_u64 << retries.min(9)) - 1);
        doubled + u64::from(retries.saturating_sub(9)) * 120_000
    };
    loop {
        backed_off = (backed_off * 2).min(120 * rate);
        let elapsed_ms = ms_of(now) - ms_of(first);
        let wait = match user_timeout_ms {
            Some(limit) if elapsed_ms >= limit => 1,
            Some(limit) => ((limit - elapsed_ms) * rate).div_ceil(1000).min(backed_off),
            None => backed_off,
        };
        now = fires(now, wait);
        let limit = user_timeout_ms.unwrap_or_else(|| model_ms(retries2));
        if ms_of(now) - ms_of(first) >= limit {
            let since = |tick: u64| time(tick * PARTS - sent_at, hz);
            return (since(now), since(last), sent);
        }
        sent += 1;
        last = now;
    }
}

fn effective((idle, interval, count): (u64, u64, u32), user_timeout_ms: Option<u64>) -> Effective {
    Effective {
        enabled: true,
        idle: Duration::from_secs(idle),
        interval: Duration::from_secs(interval),
        count,
        user_timeout: user_timeout_ms.map(Duration::from_millis),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_idle_end_lies_within_its_span(
        ivn in (1_u64..400, 1_u64..200, 1_u32..12),
        user_timeout in prop::option::of(1_u64..600_000),
        hz in prop::sample::select(&RATES[..]),
        start in start(),
    ) {
        let settings = effective(ivn, user_timeout);
        let (end, last_probe) = keepalive_timer(ivn, user_timeout, hz, start);
        let span = idle(&settings, hz);
        prop_assert!(span.contains(end), "{ivn:?} U={user_timeout:?}: {end:?} not in {span:?}");
        // No outage shorter than said covers all its probes.
        let probing = last_probe.saturating_sub(settings.idle);
        prop_assert!(idle_outage(&settings, hz) <= probing, "{probing:?}");
    }

    #[test]
    fn the_end_in_flight_lies_within_its_span(
        user_timeout in prop::option::of(1_u64..600_000),
        retries2 in 1_u8..16,
        hz in prop::sample::select(&RATES[..]),
        sent_at in 1_u64 << 30..1 << 32,
        tail_loss_probe in prop::option::of(1_u64..300),
    ) {
        let kernel = Kernel { hz: Some(hz), retries2, ..Kernel::default() };
        let limit = user_timeout.map(Duration::from_millis);
        let (end, last, sent) =
            retransmit_timer(user_timeout, retries2.into(), hz, sent_at, tail_loss_probe);
        let span = in_flight(limit, &kernel, hz);
        prop_assert!(span.contains(end), "U={user_timeout:?}: {end:?} not in {span:?}");
        prop_assert!(in_flight_outage(limit, &kernel, hz) <= last);
        if tail_loss_probe.is_some() {
            let limit = limit.unwrap_or_else(|| model_timeout(&kernel));
            prop_assert!(transmissions(limit, &kernel, hz) <= sent, "{sent} sent");
        }
    }
}

/// Both ends of a span are nearly reached: it is no wider than the wheel makes it.
#[test]
fn the_span_is_no_wider_than_it_must_be() {
    for (ivn, user_timeout) in [
        ((40, 5, 3), None),
        ((17, 17, 1), None),
        ((5, 3, 9), Some(13_000)),
    ] {
        let span = idle(&effective(ivn, user_timeout), 250);
        let (mut least, mut most) = (Duration::MAX, Duration::ZERO);
        for phase in 0..200_000_u64 {
            // A timer that was never set before the last byte, at every phase.
            let start = Start {
                last_byte: (1 << 30) + phase * PARTS + phase % PARTS,
                set_before: 0,
                set_for: ivn.0 * 250 - 1,
            };
            let (end, _) = keepalive_timer(ivn, user_timeout, 250, start);
            (least, most) = (least.min(end), most.max(end));
        }
        let width = (span.latest - span.earliest).as_secs_f64();
        let reached = (most - least).as_secs_f64();
        assert!(
            reached > 0.4 * width,
            "{ivn:?}: {least:?}–{most:?} of {span:?}"
        );
    }
}

/// What was measured on a real kernel, at 250 ticks a second.
#[test]
fn what_was_measured_lies_within() {
    for (ivn, user_timeout, measured_ms) in [
        ((2, 1, 3), None, &[5_100][..]),
        ((2, 1, 3), Some(10_000), &[10_200]),
        ((2, 1, 3), Some(3_000), &[3_050]),
        ((5, 3, 9), Some(13_000), &[14_280, 14_410]),
        ((17, 17, 1), None, &[35_700, 37_200]),
        ((40, 5, 3), None, &[57_070]),
    ] {
        let span = idle(&effective(ivn, user_timeout), 250);
        for ms in measured_ms {
            let end = Duration::from_millis(*ms);
            assert!(
                span.contains(end),
                "{ivn:?} U={user_timeout:?}: {end:?} not in {span:?}"
            );
        }
    }
}
