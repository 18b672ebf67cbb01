//! Learning, floors and ceilings, recovery; and what must hold always.

use proptest::prelude::*;

use super::*;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Expects a heartbeat a second.
fn terms() -> AccrualTerms {
    AccrualTerms::new(ms(1_000)).unwrap()
}

/// Without the pause, so that numbers are easy to follow.
fn bare() -> AccrualTerms {
    terms().with_floor(ms(100), ms(0)).unwrap()
}

/// Fed with gaps; returns the time of the last byte.
fn feed(accrual: &mut Accrual, mut now: Duration, gaps: impl IntoIterator<Item = u64>) -> Duration {
    for gap in gaps {
        now += ms(gap);
        accrual.on_received(now);
    }
    now
}

fn near(got: Duration, expected: u64) -> bool {
    got.abs_diff(ms(expected)) <= ms(2)
}

#[test]
fn a_regular_peer_is_suspected_after_its_floor() {
    let mut accrual = Accrual::new(bare(), ms(0));
    let now = feed(&mut accrual, ms(0), [1_000; 50]);
    // mean 1 s, deviation 0 but at least 100 ms, 5.612 of them.
    assert!(near(accrual.overdue(), 1_561), "{:?}", accrual.overdue());
    let at = accrual.next_deadline().unwrap();
    assert_eq!(at, now + accrual.overdue());
    assert_eq!(accrual.poll(at - Duration::from_nanos(1)), Judgement::Alive);
    assert_eq!(accrual.poll(at), Judgement::Suspect);
    assert!((accrual.phi(at) - 8.0).abs() < 1e-6, "{}", accrual.phi(at));
    assert_eq!(accrual.next_deadline(), Some(at + ms(5_000)));
    assert_eq!(accrual.poll(at + ms(5_000)), Judgement::Silent);
}

#[test]
fn the_acceptable_pause_is_added() {
    let mut accrual = Accrual::new(terms(), ms(0));
    feed(&mut accrual, ms(0), [1_000; 50]);
    assert!(near(accrual.overdue(), 4_561), "{:?}", accrual.overdue());
}

#[test]
fn an_irregular_peer_is_given_more_time() {
    let mut accrual = Accrual::new(bare(), ms(0));
    feed(&mut accrual, ms(0), [700, 1_300].repeat(101));
    // Deviation 300 ms.
    assert!(
        near(accrual.overdue(), 1_000 + 1_684),
        "{:?}",
        accrual.overdue()
    );
}

#[test]
fn while_cold_it_is_patient() {
    let mut accrual = Accrual::new(bare(), ms(0));
    let cold = accrual.overdue();
    assert!(near(cold, 1_000 + 1_403), "{cold:?}");
    // The first byte ends no gap that began with one.
    feed(&mut accrual, ms(0), [900; 8]);
    assert_eq!((accrual.learnt(), accrual.overdue()), (7, cold));
    feed(&mut accrual, ms(7_200), [900]);
    assert!(
        near(accrual.overdue(), 900 + 561),
        "{:?}",
        accrual.overdue()
    );
}

#[test]
fn the_ceiling_holds_whatever_phi_says() {
    let slow = bare().with_ceiling(ms(9_000), ms(2_000)).unwrap();
    let mut accrual = Accrual::new(slow, ms(0));
    feed(&mut accrual, ms(0), [600, 6_500].repeat(100));
    assert_eq!(accrual.overdue(), ms(7_000));
    let heard = feed(&mut accrual, ms(1_000_000), [1]);
    let at = accrual.next_deadline().unwrap();
    assert_eq!(accrual.poll(at), Judgement::Suspect);
    assert_eq!(accrual.poll(heard + slow.detection()), Judgement::Silent);
}

#[test]
fn a_burst_of_data_is_no_heartbeat() {
    let mut accrual = Accrual::new(bare(), ms(0));
    let now = feed(&mut accrual, ms(0), [1_000; 50]);
    let before = accrual.overdue();
    let now = feed(&mut accrual, now, [1; 5_000]);
    assert_eq!((accrual.overdue(), accrual.learnt()), (before, 49));
    assert_eq!(accrual.next_deadline(), Some(now + before));
}

#[test]
fn a_peer_that_becomes_slower_is_soon_known_to_be() {
    let mut accrual = Accrual::new(bare(), ms(0));
    let mut now = feed(&mut accrual, ms(0), [1_000; 200]);
    let mut suspected = 0;
    for _ in 0..200 {
        now += ms(3_000);
        while accrual.next_deadline().is_some_and(|at| at <= now) {
            let at = accrual.next_deadline().unwrap();
            assert_eq!(accrual.poll(at), Judgement::Suspect);
            suspected += 1;
        }
        accrual.on_received(now);
    }
    assert!((1..=25).contains(&suspected), "{suspected}");
    assert!(accrual.overdue() > ms(3_000));
}

#[test]
fn one_outage_does_not_blunt_it() {
    let mut accrual = Accrual::new(bare(), ms(0));
    let now = feed(&mut accrual, ms(0), [1_000; 200]);
    let before = accrual.overdue();
    // Silent for an hour, polled on time, and back.
    let at = accrual.next_deadline().unwrap();
    assert_eq!(accrual.poll(at), Judgement::Suspect);
    assert_eq!(accrual.poll(at + ms(5_000)), Judgement::Silent);
    assert_eq!(accrual.next_deadline(), None);
    feed(&mut accrual, now, [3_600_000]);
    assert!(
        accrual.overdue() < before + ms(10),
        "{:?}",
        accrual.overdue()
    );
    assert!(accrual.next_deadline().is_some());
}

#[test]
fn what_nobody_listened_to_is_not_learnt() {
    let mut accrual = Accrual::new(bare(), ms(0));
    let now = feed(&mut accrual, ms(0), [1_000; 20]);
    let learnt = accrual.learnt();
    accrual.pause(now);
    assert_eq!(
        (accrual.next_deadline(), accrual.phi(now + ms(9))),
        (None, 0.0)
    );
    accrual.on_received(now + ms(1_500));
    accrual.resume(now + ms(60_000));
    accrual.on_received(now + ms(61_400));
    assert_eq!(accrual.learnt(), learnt);
    // Late by more than the bound.
    let at = accrual.next_deadline().unwrap();
    assert_eq!(accrual.poll(at + ms(1_001)), Judgement::Late(ms(1_001)));
    accrual.on_received(at + ms(2_500));
    assert_eq!(accrual.learnt(), learnt);
    accrual.on_received(at + ms(3_500));
    assert_eq!(accrual.learnt(), learnt + 1);
}

#[test]
fn a_peer_that_cannot_be_asked_is_only_given_up() {
    let mut accrual = Accrual::new(bare().one_way(), ms(0));
    let now = feed(&mut accrual, ms(0), [1_000; 50]);
    let at = now + accrual.overdue() + ms(5_000);
    assert_eq!(accrual.next_deadline(), Some(at));
    assert_eq!(accrual.poll(at), Judgement::Silent);
}

#[test]
fn terms_are_checked() {
    let long = Duration::from_secs(1_000_000);
    assert_eq!(AccrualTerms::new(ms(0)), Err(BadAccrual::Expected(ms(0))));
    assert_eq!(AccrualTerms::new(long), Err(BadAccrual::Expected(long)));
    for threshold in [0.0, -1.0, 300.1, f64::INFINITY, f64::NAN] {
        assert!(terms().with_threshold(threshold).is_err());
    }
    for window in [0, 7, 10_001] {
        assert_eq!(terms().with_window(window), Err(BadAccrual::Window(window)));
    }
    assert!(terms().with_floor(ms(0), ms(0)).is_err());
    assert_eq!(
        terms().with_floor(ms(1), long),
        Err(BadAccrual::Pause(long))
    );
    assert_eq!(
        terms().with_ceiling(long, long),
        Err(BadAccrual::Challenge(long))
    );
    let text = terms()
        .with_ceiling(ms(2_999), ms(2_000))
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        "ceiling 2.999s is out of range 3s..=240h: it has to hold an expected interval and the challenge time"
    );
}

proptest! {
    /// Whatever comes: never NaN, never infinite, phi grows with silence, and the
    /// deadline is where phi reaches the threshold, or the ceiling.
    #[test]
    fn phi_is_a_number_and_the_deadline_its_inverse(
        expected in 1..86_400_000u64,
        threshold in 0.1..300.0f64,
        gaps in prop::collection::vec(prop_oneof![0..5_000u64, 0..200_000_000u64], 0..60),
        probes in prop::collection::vec(0..1u64 << 50, 1..8),
    ) {
        let terms = AccrualTerms::new(ms(expected)).unwrap().with_threshold(threshold).unwrap();
        let mut accrual = Accrual::new(terms, ms(0));
        let now = feed(&mut accrual, ms(0), gaps);
        let at = accrual.next_deadline().unwrap();
        prop_assert!(at > now && at - now <= terms.detection());
        let mut probes = probes;
        probes.sort_unstable();
        let mut last = 0.0;
        for probe in probes {
            let phi = accrual.phi(now + ms(probe));
            prop_assert!(phi.is_finite() && phi >= last);
            last = phi;
        }
        let capped = accrual.overdue() + terms.challenge == terms.ceiling;
        if !capped && threshold > 0.31 {
            let phi = accrual.phi(at);
            prop_assert!((phi - threshold).abs() < 1e-3 * threshold, "{phi} {threshold}");
        }
    }

    /// A peer whose gaps are never longer than the longest it has shown is never
    /// suspected once the window is warm, if that is within the acceptable pause.
    #[test]
    fn jitter_within_the_pause_is_no_suspicion(
        gaps in prop::collection::vec(800..2_000u64, 20..200),
    ) {
        let mut accrual = Accrual::new(terms(), ms(0));
        let mut now = ms(0);
        for gap in gaps {
            now += ms(gap);
            prop_assert!(accrual.next_deadline().unwrap() > now);
            accrual.on_received(now);
        }
    }

    /// Any calls in any order: no panic, no early end.
    #[test]
    fn whatever_is_called_nobody_dies_early(
        calls in prop::collection::vec((0..6u8, 0..20_000u64), 0..120),
    ) {
        let mut accrual = Accrual::new(terms(), ms(0));
        let mut now = ms(0);
        let (mut heard, mut asked) = (ms(0), None);
        for (call, step) in calls {
            now += ms(step);
            match call {
                0 => {
                    accrual.on_received(now);
                    (heard, asked) = (now, None);
                }
                1 => accrual.pause(now),
                2 => {
                    let paused = accrual.silence.lasted(now).is_none();
                    accrual.resume(now);
                    if paused {
                        (heard, asked) = (now, None);
                    }
                }
                _ => {
                    if call > 3 && let Some(at) = accrual.next_deadline() {
                        now = now.max(at);
                    }
                    match accrual.poll(now) {
                        Judgement::Alive => {}
                        Judgement::Suspect => {
                            prop_assert!(asked.is_none() && now - heard >= accrual.overdue());
                            asked = Some(now);
                        }
                        Judgement::Silent => prop_assert!(asked.is_some_and(|at| now - at >= ms(5_000))),
                        Judgement::Late(by) => {
                            prop_assert!(by > ms(1_000));
                            (heard, asked) = (now, None);
                        }
                    }
                }
            }
        }
    }
}
