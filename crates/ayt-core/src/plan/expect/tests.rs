use proptest::prelude::*;

use super::*;
use crate::keepalive::{Kernel, Os, Policy};

fn ground(rtt_ms: Option<u64>) -> Ground {
    let kernel = Kernel {
        hz: Some(250),
        ..Kernel::default()
    };
    Ground::new(Os::Linux, kernel, rtt_ms.map(Duration::from_millis))
}

fn kernel(policy: &str) -> Detector {
    let policy: Policy = policy.parse().unwrap();
    Detector::Kernel(Os::Linux.plan(&policy).unwrap().effective())
}

/// What was measured on a real kernel at 250 ticks a second, on a short path.
#[test]
fn every_measurement_lies_within() {
    for (detector, path, measured_ms) in [
        (kernel("2/1/3"), Path::Idle, &[5_100_u64][..]),
        (kernel("2/1/3 U=10s"), Path::Idle, &[10_200]),
        (kernel("2/1/3 U=3s"), Path::Idle, &[3_050]),
        (kernel("5/3/9 U=13s"), Path::Idle, &[14_280, 14_410]),
        (kernel("17/17/1"), Path::Idle, &[35_700, 37_200]),
        (kernel("2/1/3 U=5s"), Path::InFlight, &[5_420, 5_670]),
        (
            Detector::user_timeout(Duration::from_secs(5)),
            Path::InFlight,
            &[5_420, 5_670],
        ),
        (
            Detector::Probe { patience: None },
            Path::Idle,
            &[5_000, 5_150],
        ),
    ] {
        let span = expect(&detector, path, &ground(None)).span().unwrap();
        for ms in measured_ms {
            let measured = Duration::from_millis(*ms);
            assert!(span.contains(measured), "{detector:?} {path:?}: {span:?}");
        }
    }
}

#[test]
fn what_never_finds_it_says_so() {
    for detector in [
        Detector::nothing(),
        Detector::user_timeout(Duration::from_secs(5)),
    ] {
        let idle = expect(&detector, Path::Idle, &ground(None));
        assert!(matches!(idle, Found::Never(_)), "{detector:?}: {idle:?}");
    }
}

#[test]
fn a_heartbeat_finds_it_after_its_misses_and_its_challenge() {
    let terms = Terms::new(Duration::from_secs(10), 2, Duration::from_secs(5)).unwrap();
    for path in [Path::Idle, Path::InFlight] {
        let found = expect(&Detector::Heartbeat(terms), path, &ground(Some(80)));
        let span = found.span().unwrap();
        assert_eq!(span.earliest, Duration::from_secs(25));
        assert!(span.latest < Duration::from_millis(25_010));
    }
}

#[test]
fn a_polling_server_finds_it_up_to_a_period_later() {
    let polled = Detector::Polled {
        overdue: Duration::from_secs(30),
        period: Duration::from_secs(10),
    };
    let span = expect(&polled, Path::Idle, &ground(None)).span().unwrap();
    assert!(span.contains(Duration::from_secs(30)) && span.contains(Duration::from_secs(40)));
    assert!(!span.contains(Duration::from_millis(40_100)));
}

#[test]
fn what_has_learnt_lies_between_what_can_be_learnt() {
    let terms = AccrualTerms::new(Duration::from_secs(10)).unwrap();
    let any = Detector::Accrual {
        terms,
        overdue: None,
    };
    let any = expect(&any, Path::Idle, &ground(None)).span().unwrap();
    let mut accrual = Accrual::new(terms, Duration::ZERO);
    for beat in 1..=300 {
        use crate::detectors::Detector as _;
        accrual.on_received(Duration::from_secs(10 * beat));
    }
    let now = Detector::Accrual {
        terms,
        overdue: Some(accrual.overdue()),
    };
    let now = expect(&now, Path::Idle, &ground(None)).span().unwrap();
    assert!(any.earliest <= now.earliest && now.latest <= any.latest);
    assert!(any.latest <= terms.detection() + OWN_TIMER * 2);
}

#[test]
fn a_search_lies_between_its_floor_and_its_ceiling() {
    let search = SearchTerms::new(Duration::from_secs(30), Duration::from_secs(600)).unwrap();
    let adaptive = Detector::Adaptive {
        search,
        misses: 2,
        challenge: Duration::from_secs(5),
    };
    let span = expect(&adaptive, Path::Idle, &ground(None)).span().unwrap();
    assert_eq!(span.earliest, Duration::from_secs(65));
    assert_eq!(span.latest, Duration::from_secs(1_205) + OWN_TIMER * 2);
}

#[test]
fn a_probe_is_never_hasty() {
    let span = |patience| {
        let probe = Detector::Probe { patience };
        expect(&probe, Path::InFlight, &ground(Some(2_000))).span()
    };
    let hasty = span(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(hasty.earliest, PROBE_LEAST);
    // Four timeouts of up to three round trips.
    assert_eq!(span(None).unwrap().earliest, Duration::from_secs(24));
}

proptest! {
    #[test]
    fn a_longer_round_trip_never_makes_it_sooner(
        rtt in 1_u64..3_000, more in 1_u64..3_000, user_timeout in 1_u64..120,
    ) {
        let detector = Detector::user_timeout(Duration::from_secs(user_timeout));
        let span = |ms| expect(&detector, Path::InFlight, &ground(Some(ms))).span().unwrap();
        let (near, far) = (span(rtt), span(rtt + more));
        prop_assert!(near.earliest <= far.earliest, "{near:?} {far:?}");
        let idle = |ms| expect(&kernel("10/5/3"), Path::Idle, &ground(Some(ms)));
        prop_assert_eq!(idle(rtt), idle(rtt + more));
    }

    #[test]
    fn every_span_is_in_order(
        idle in 1_u64..9_000, interval in 1_u64..900, count in 1_u32..100,
        user_timeout in prop::option::of(1_u64..900), rtt in prop::option::of(0_u64..5_000),
    ) {
        let effective = Effective {
            enabled: true,
            idle: Duration::from_secs(idle),
            interval: Duration::from_secs(interval),
            count,
            user_timeout: user_timeout.map(Duration::from_secs),
        };
        let ground = Ground::new(Os::Linux, Kernel::default(), rtt.map(Duration::from_millis));
        for path in [Path::Idle, Path::InFlight] {
            let span = expect(&Detector::Kernel(effective), path, &ground).span().unwrap();
            prop_assert!(span.earliest <= span.latest, "{effective:?} {path:?}: {span:?}");
        }
    }
}
