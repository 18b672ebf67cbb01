use super::*;
use proptest::prelude::*;

const T: fn(u64) -> Duration = Duration::from_millis;

fn info(segs_in: u32, last_ack_recv_ms: u32) -> TcpInfo {
    TcpInfo {
        rto_us: 204_000,
        segs_in: Some(segs_in),
        last_ack_recv_ms,
        last_data_recv_ms: last_ack_recv_ms,
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
                target.on_asked(now, &info(10, 60_000));
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
                target.on_info(ReadAt::exactly(now), TcpState::Established, &info(heard, 0));
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
    target.on_asked(T(0), &info(10, 60_000));
    assert_eq!(target.next(T(0)), Step::Wait(T(2_250)));
    target.on_asked(T(2_250), &info(10, 60_000));
    assert_eq!(target.next(T(2_250)), Step::Wait(T(4_500)));
    target.on_asked(T(4_500), &info(10, 60_000));
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
    target.on_asked(T(0), &info(10, 60_000));
    target.on_asked(T(30_000), &info(10, 60_000));
    target.on_asked(T(60_000), &info(10, 60_000));
    assert_eq!(target.next(T(60_000)), Step::Wait(T(60_500)));
}

#[test]
fn unreachable_is_a_suspicion_until_silence_follows() {
    let mut target = fresh(None);
    target.on_unreachable();
    assert_eq!(target.interrupted(), Verdict::Unknown(Why::NotAsked));
    target.on_asked(T(0), &info(10, 60_000));
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

/// A socket has gone: the verdict.
fn gone(asked: bool, reset: bool, end: &End) -> Verdict {
    let mut target = fresh(None);
    if asked {
        target.on_asked(T(0), &info(10, 60_000));
    }
    if reset {
        target.on_reset();
    }
    target.on_gone(end);
    target.verdict().cloned().unwrap()
}

const END: End = End {
    state_before: TcpState::Established,
    error: None,
    resets_are_seen: false,
    keepalive: Keepalive {
        enabled: true,
        idle_s: 7200,
        interval_s: 75,
        count: 9,
        user_timeout_ms: 0,
    },
    in_flight: false,
};

#[test]
fn a_vanished_socket_was_reset_only_where_that_is_the_only_way() {
    let dead = Verdict::Dead(Cause::PeerReset);
    let unknown = Verdict::Unknown(Why::Vanished);
    for (asked, reset, state_before, error, expected) in [
        (true, false, TcpState::Established, None, &dead),
        (true, false, TcpState::Established, Some(true), &dead),
        (true, false, TcpState::Established, Some(false), &unknown),
        (true, true, TcpState::CloseWait, None, &dead),
        (true, false, TcpState::CloseWait, None, &unknown),
        (true, false, TcpState::CloseWait, Some(true), &dead),
        (false, false, TcpState::Established, None, &unknown),
    ] {
        let end = End {
            state_before,
            error,
            ..END
        };
        assert_eq!(&gone(asked, reset, &end), expected);
    }
}

#[test]
fn where_every_reset_is_seen_a_socket_without_one_ended_otherwise() {
    let seen = End {
        resets_are_seen: true,
        ..END
    };
    assert_eq!(gone(true, true, &seen), Verdict::Dead(Cause::PeerReset));
    // Its owner closed it.
    assert_eq!(gone(true, false, &seen), Verdict::Unknown(Why::Vanished));
    let mut error = End {
        error: Some(true),
        ..seen
    };
    let cause = |end: &End| gone(true, false, end);
    assert_eq!(cause(&error), Verdict::Dead(Cause::KeepaliveTimeout));
    error.in_flight = true;
    assert_eq!(cause(&error), Verdict::Dead(Cause::RetransmitTimeout));
    error.keepalive.user_timeout_ms = 5_000;
    assert_eq!(cause(&error), Verdict::Dead(Cause::UserTimeout));
    let destroyed = End {
        error: Some(true),
        keepalive: Keepalive {
            enabled: false,
            ..END.keepalive
        },
        ..seen
    };
    assert_eq!(cause(&destroyed), Verdict::Dead(Cause::Destroyed));
}

#[test]
fn a_reset_that_is_counted_and_not_yet_acted_upon_is_no_life() {
    let mut target = fresh(None);
    target.on_asked(T(0), &info(10, 60_000));
    target.on_reset();
    target.on_info(
        ReadAt::exactly(T(1)),
        TcpState::Established,
        &info(11, 60_000),
    );
    assert_eq!(target.verdict(), None);
    // It was not accepted, and the peer answers after all.
    target.on_info(ReadAt::exactly(T(9)), TcpState::Established, &info(12, 0));
    assert_eq!(target.verdict(), Some(&Verdict::Alive { rtt: Some(T(9)) }));
}

#[test]
fn what_came_between_the_look_and_the_ask_is_no_answer() {
    let mut target = fresh(None);
    let later = info(17, 60_000);
    target.on_asked(T(3_000), &later);
    target.on_info(ReadAt::exactly(T(3_001)), TcpState::Established, &later);
    assert_eq!(target.verdict(), None);
    target.on_info(
        ReadAt::exactly(T(3_030)),
        TcpState::Established,
        &info(18, 0),
    );
    assert_eq!(target.verdict(), Some(&Verdict::Alive { rtt: Some(T(30)) }));
}

#[test]
fn who_was_heard_within_a_second_and_since_the_look_need_not_be_asked() {
    assert!(fresh(None).heard_unasked(T(2_000), &info(11, 300)));
    assert!(!fresh(None).heard_unasked(T(2_000), &info(11, 1_300)));
    assert!(!fresh(None).heard_unasked(T(2_000), &info(10, 300)));
    // One more segment than at the look, but nothing is younger for it: another
    // ayt's knock.
    let mut young = Target::new(T(0), &info(10, 100), None);
    assert!(!young.heard_unasked(T(200), &info(11, 300)));
    assert!(young.heard_unasked(T(200), &info(11, 100)));
    let mut asked = fresh(None);
    asked.on_asked(T(0), &info(10, 60_000));
    assert!(!asked.heard_unasked(T(2_000), &info(11, 300)));
}

#[test]
fn an_old_kernel_that_counts_no_segments_is_believed_by_the_acknowledgements_age() {
    let old = |ms| TcpInfo {
        segs_in: None,
        ..info(0, ms)
    };
    let mut target = Target::new(T(0), &old(60_000), None);
    target.on_asked(T(0), &old(60_000));
    target.on_info(ReadAt::exactly(T(100)), TcpState::Established, &old(60_100));
    assert_eq!(target.verdict(), None);
    target.on_info(ReadAt::exactly(T(200)), TcpState::Established, &old(150));
    assert_eq!(
        target.verdict(),
        Some(&Verdict::Alive { rtt: Some(T(200)) })
    );
}

#[test]
fn what_ayt_waited_makes_nothing_younger() {
    // Heard 20 ms before the ask. ayt reads that after another 30 ms, and gets to
    // look at the clock only after 300 ms more: the account is no younger for it.
    for segs_in in [None, Some(11)] {
        let account = |ms| TcpInfo {
            segs_in,
            ..info(0, ms)
        };
        let mut target = Target::new(T(0), &account(0), None);
        target.on_asked(
            T(20),
            &TcpInfo {
                segs_in: segs_in.map(|count| count - 1),
                ..account(20)
            },
        );
        let late = ReadAt {
            earliest: T(45),
            latest: T(350),
        };
        target.on_info(late, TcpState::Established, &account(50));
        assert_eq!(target.verdict(), None);
        // But an answer is one, however late it is read.
        let later = ReadAt {
            earliest: T(500),
            latest: T(900),
        };
        target.on_info(later, TcpState::Established, &account(450));
        assert_eq!(
            target.verdict(),
            Some(&Verdict::Alive { rtt: Some(T(880)) })
        );
    }
}

#[test]
fn nothing_seen_before_the_first_ask_counts() {
    let mut target = fresh(None);
    target.on_info(ReadAt::exactly(T(5)), TcpState::Established, &info(99, 0));
    assert_eq!(target.verdict(), None);
    assert_eq!(target.next(T(5)), Step::Ask);
}

#[test]
fn the_asks_of_the_least_patient_are_still_apart_for_longer_than_a_peer_is_mute() {
    let (mut target, mut asks, mut now) = (fresh(Some(T(1))), Vec::new(), T(0));
    loop {
        match target.next(now) {
            Step::Ask => {
                target.on_asked(now, &info(10, 60_000));
                asks.push(now);
            }
            Step::Wait(until) => now = until,
            Step::Done(_) => break,
        }
    }
    assert!(asks[2] - asks[0] >= 2 * crate::probe::engine::ANSWERS_APART);
    assert_eq!(now, T(1_500));
}

proptest! {
    /// Whatever the outage, a peer that answers any ask within its time lives,
    /// and one that never answers is dead no sooner than after patience.
    #[test]
    fn no_answered_connection_is_ever_called_dead(
        outage in 0u64..20_000,
        rtt in 1u64..400,
        patience in 1_500u64..20_000,
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

/// A raw ask's driver: no account is read, only answers are told.
fn run_raw(mut target: Target, mut on_ask: impl FnMut(&mut Target, u32)) -> (Verdict, Duration) {
    let mut now = T(0);
    loop {
        match target.next(now) {
            Step::Ask => {
                target.on_asked(now, &TcpInfo::default());
                let asks = target.asks();
                on_ask(&mut target, asks);
            }
            Step::Wait(until) => now = until,
            Step::Done(verdict) => return (verdict, now),
        }
    }
}

#[test]
fn an_answer_seen_has_its_own_round_trip_after_the_first_ask_only() {
    let (verdict, _) = run_raw(fresh(None), |target, _| target.on_answer(Some(T(30))));
    assert_eq!(verdict, Verdict::Alive { rtt: Some(T(30)) });
    let (verdict, _) = run_raw(fresh(None), |target, asks| {
        if asks == 2 {
            target.on_answer(Some(T(30)));
        }
    });
    assert_eq!(verdict, Verdict::Alive { rtt: None });
}

#[test]
fn an_answer_before_the_first_ask_is_none() {
    let mut target = fresh(None);
    target.on_answer(Some(T(30)));
    target.on_refused();
    assert_eq!(target.verdict(), None);
}

#[test]
fn silence_after_a_guess_is_a_suspicion_and_after_learnt_numbers_a_death() {
    let (verdict, at) = run_raw(fresh(None), |_, _| {});
    assert_eq!((verdict, at), (Verdict::Dead(Cause::Unanswered), T(5_000)));
    for guess in 1..=3 {
        for unreachable in [false, true] {
            let (verdict, at) = run_raw(fresh(None), |target, asks| {
                if asks == guess {
                    target.on_guess();
                }
                if unreachable {
                    target.on_unreachable();
                }
            });
            let suspicion = if unreachable {
                Suspicion::Unreachable
            } else {
                Suspicion::Silent
            };
            assert_eq!((verdict, at), (Verdict::Suspect(suspicion), T(5_000)));
        }
    }
    let (verdict, _) = run_raw(fresh(None), |target, _| {
        target.on_guess();
        target.on_answer(None);
    });
    assert_eq!(verdict, Verdict::Alive { rtt: None });
}

#[test]
fn a_refusal_is_death_at_once() {
    let (verdict, at) = run_raw(fresh(None), |target, _| target.on_refused());
    assert_eq!((verdict, at), (Verdict::Dead(Cause::PeerReset), T(0)));
}

#[test]
fn a_segment_that_the_kernel_took_for_none_of_the_connections_is_no_life() {
    let mut target = fresh(None);
    target.on_asked(T(0), &info(10, 60_000));
    // Another ayt's knock: one more segment, and nothing is younger for it.
    target.on_info(
        ReadAt::exactly(T(40)),
        TcpState::Established,
        &info(11, 60_040),
    );
    assert_eq!(target.verdict(), None);
    target.on_info(ReadAt::exactly(T(80)), TcpState::Established, &info(12, 10));
    assert!(matches!(target.verdict(), Some(Verdict::Alive { .. })));
}

/// The packet itself was seen; whether TCP has it, its account tells.
#[test]
fn an_answer_that_tcp_never_got_is_a_suspicion() {
    for (now, heard_ms, unheard) in [
        // Before the first ask, which was made at 1 s.
        (1_100, 5_000, true),
        (1_100, 120, true),
        // After it, or too near to tell.
        (1_100, 112, false),
        (1_100, 100, false),
        (1_100, 0, false),
        (4_000, 2_900, false),
        (4_000, 3_100, true),
    ] {
        let mut target = fresh(None);
        let at = ReadAt::exactly(T(now));
        assert!(!target.is_unheard(at, &info(10, heard_ms)), "not asked yet");
        target.on_asked(T(1_000), &info(10, 60_000));
        target.on_answer(Some(T(30)));
        assert_eq!(target.is_unheard(at, &info(10, heard_ms)), unheard, "{now}");
        target.on_unheard();
        let suspect = Verdict::Suspect(Suspicion::Unheard);
        assert_eq!(target.verdict(), Some(&suspect));
    }
}

#[test]
fn what_was_not_answered_is_not_unheard() {
    let mut target = fresh(None);
    target.on_asked(T(0), &info(10, 60_000));
    target.on_unheard();
    assert_eq!(target.verdict(), None);
    target.on_refused();
    target.on_unheard();
    assert_eq!(target.verdict(), Some(&Verdict::Dead(Cause::PeerReset)));
}
