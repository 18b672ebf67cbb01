use super::*;
use proptest::prelude::*;

const T: fn(u64) -> Duration = Duration::from_millis;

fn info(segs_in: u32, last_ack_recv_ms: u32) -> TcpInfo {
    TcpInfo {
        rto_us: 204_000,
        segs_in: Some(segs_in),
        last_ack_recv_ms,
        ..TcpInfo::default()
    }
}

/// Runs a target against a peer that answers asks made at `times` for which
/// `answer_at` gives a moment; returns the verdict and when it fell.
fn run(
    mut target: Target,
    answer_at: impl Fn(Duration) -> Option<Duration>,
) -> (Verdict, Duration) {
    let (mut now, mut answers, mut heard) = (T(0), Vec::new(), 10);
    loop {
        match target.next(now) {
            Step::Ask => {
                target.on_asked(now);
                answers.extend(answer_at(now));
            }
            Step::Wait(until) => {
                assert!(until > now, "a wait must lead forward");
                now = answers
                    .iter()
                    .copied()
                    .filter(|&at| at > now)
                    .min()
                    .map_or(until, |at| at.min(until));
                heard += answers.iter().filter(|&&at| at == now).count() as u32;
                target.on_info(now, TcpState::Established, &info(heard, 0));
            }
            Step::Done(verdict) => return (verdict, now),
        }
    }
}

fn fresh(patience: Option<Duration>) -> Target {
    Target::new(T(0), &info(10, 60_000), patience)
}

#[test]
fn an_answer_is_life_with_its_round_trip() {
    let (verdict, at) = run(fresh(None), |ask| Some(ask + T(30)));
    assert_eq!(verdict, Verdict::Alive { rtt: Some(T(30)) });
    assert_eq!(at, T(30));
}

#[test]
fn silence_is_death_only_after_three_asks_and_all_patience() {
    let mut target = fresh(None);
    let (verdict, at) = run(target.clone(), |_| None);
    assert_eq!(verdict, Verdict::Dead(Cause::Unanswered));
    assert_eq!(at, T(5_000));
    target.on_asked(T(0));
    assert_eq!(target.next(T(0)), Step::Wait(T(2_250)));
    target.on_asked(T(2_250));
    assert_eq!(target.next(T(2_250)), Step::Wait(T(4_500)));
    target.on_asked(T(4_500));
    assert_eq!(target.next(T(4_500)), Step::Wait(T(5_000)));
}

#[test]
fn outages_of_one_and_four_seconds_and_a_two_second_round_trip_are_survived() {
    for outage in [T(1_000), T(4_000)] {
        let (verdict, _) = run(fresh(None), |ask| (ask >= outage).then_some(ask + T(20)));
        assert_eq!(verdict, Verdict::Alive { rtt: None }, "{outage:?}");
    }
    let slow = TcpInfo {
        rto_us: 2_400_000,
        ..info(10, 60_000)
    };
    let (verdict, at) = run(Target::new(T(0), &slow, None), |ask| Some(ask + T(2_000)));
    assert_eq!(
        verdict,
        Verdict::Alive {
            rtt: Some(T(2_000))
        }
    );
    assert_eq!(at, T(2_000));
}

#[test]
fn a_late_driver_still_gives_the_last_ask_its_time() {
    let mut target = fresh(None);
    target.on_asked(T(0));
    target.on_asked(T(30_000));
    target.on_asked(T(60_000));
    assert_eq!(target.next(T(60_000)), Step::Wait(T(60_500)));
}

#[test]
fn unreachable_is_a_suspicion_until_silence_follows() {
    let mut target = fresh(None);
    target.on_unreachable();
    assert_eq!(target.interrupted(), Verdict::Unknown(Why::NotAsked));
    target.on_asked(T(0));
    target.on_unreachable();
    assert_eq!(
        target.interrupted(),
        Verdict::Suspect(Suspicion::Unreachable)
    );
    let (verdict, _) = run(target.clone(), |_| None);
    assert_eq!(verdict, Verdict::Dead(Cause::Unreachable));
    let (verdict, _) = run(target, |ask| Some(ask + T(10)));
    assert_eq!(verdict, Verdict::Alive { rtt: None });
}

#[test]
fn a_vanished_socket_was_reset_only_where_that_is_the_only_way() {
    let gone = |asked: bool, reset: bool, state, error| {
        let mut target = fresh(None);
        if asked {
            target.on_asked(T(0));
        }
        if reset {
            target.on_reset();
        }
        target.on_gone(state, error);
        target.verdict().cloned().unwrap()
    };
    let dead = Verdict::Dead(Cause::PeerReset);
    let unknown = Verdict::Unknown(Why::Vanished);
    for (asked, reset, state, error, expected) in [
        (true, false, TcpState::Established, None, &dead),
        (true, false, TcpState::Established, Some(true), &dead),
        (true, false, TcpState::Established, Some(false), &unknown),
        (true, true, TcpState::CloseWait, None, &dead),
        (true, false, TcpState::CloseWait, None, &unknown),
        (true, false, TcpState::CloseWait, Some(true), &dead),
        (false, false, TcpState::Established, None, &unknown),
    ] {
        assert_eq!(&gone(asked, reset, state, error), expected);
    }
}

#[test]
fn an_old_kernel_that_counts_no_segments_is_believed_by_the_acknowledgements_age() {
    let old = |ms| TcpInfo {
        segs_in: None,
        ..info(0, ms)
    };
    let mut target = Target::new(T(0), &old(60_000), None);
    target.on_asked(T(0));
    target.on_info(T(100), TcpState::Established, &old(60_100));
    assert_eq!(target.verdict(), None);
    target.on_info(T(200), TcpState::Established, &old(150));
    assert_eq!(
        target.verdict(),
        Some(&Verdict::Alive { rtt: Some(T(200)) })
    );
}

#[test]
fn nothing_seen_before_the_first_ask_counts() {
    let mut target = fresh(None);
    target.on_info(T(5), TcpState::Established, &info(99, 0));
    assert_eq!(target.verdict(), None);
    assert_eq!(target.next(T(5)), Step::Ask);
}

proptest! {
    /// Whatever the outage, a peer that answers any ask within its time lives,
    /// and one that never answers is dead no sooner than after patience.
    #[test]
    fn no_answered_connection_is_ever_called_dead(
        outage in 0u64..20_000,
        rtt in 1u64..400,
        patience in 1_000u64..20_000,
    ) {
        let (verdict, at) = run(fresh(Some(T(patience))), |ask| {
            (ask >= T(outage)).then_some(ask + T(rtt))
        });
        match verdict {
            Verdict::Alive { .. } => {}
            Verdict::Dead(Cause::Unanswered) => {
                prop_assert!(at >= T(patience));
                let last_ask = patience - 500.min(patience / 2);
                prop_assert!(outage > last_ask || rtt > patience - last_ask);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
