//! Exact boundaries, every stage with every input, and what must hold always.

use proptest::prelude::*;

use super::*;

const NS: Duration = Duration::from_nanos(1);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// B = 1 s, M = 3, C = 500 ms, lateness 1 s.
fn terms() -> Terms {
    Terms::new(ms(1_000), 3, ms(500)).unwrap()
}

fn fixed() -> Fixed {
    Fixed::new(terms(), ms(0))
}

#[test]
fn suspicion_and_death_come_at_their_nanosecond() {
    let mut fixed = fixed();
    assert_eq!(fixed.next_deadline(), Some(ms(3_000)));
    assert_eq!(fixed.poll(ms(3_000) - NS), Judgement::Alive);
    assert_eq!(fixed.poll(ms(3_000)), Judgement::Suspect);
    assert_eq!(fixed.next_deadline(), Some(ms(3_500)));
    assert_eq!(fixed.poll(ms(3_500) - NS), Judgement::Alive);
    assert_eq!(fixed.poll(ms(3_500)), Judgement::Silent);
    assert_eq!(fixed.next_deadline(), None);
    assert_eq!(fixed.poll(ms(9_999)), Judgement::Silent);
}

#[test]
fn a_peer_asked_late_has_all_of_its_time_to_answer() {
    let mut fixed = fixed();
    assert_eq!(fixed.poll(ms(3_900)), Judgement::Suspect);
    assert_eq!(fixed.next_deadline(), Some(ms(4_400)));
}

#[test]
fn a_peer_that_cannot_be_asked_is_waited_for_as_long_and_never_suspected() {
    let mut fixed = Fixed::new(terms().one_way(), ms(0));
    assert_eq!(fixed.next_deadline(), Some(ms(3_500)));
    assert_eq!(fixed.poll(ms(3_500) - NS), Judgement::Alive);
    assert_eq!(fixed.poll(ms(3_500)), Judgement::Silent);
}

#[test]
fn an_own_late_timer_is_not_the_peers_silence() {
    // Exactly the bound still judges; a nanosecond more does not.
    let mut on_time = fixed();
    assert_eq!(on_time.poll(ms(4_000)), Judgement::Suspect);
    let mut late = fixed();
    assert_eq!(late.poll(ms(4_000) + NS), Judgement::Late(ms(1_000) + NS));
    assert_eq!(late.next_deadline(), Some(ms(7_000) + NS));
    assert_eq!(late.poll(ms(7_000) + NS), Judgement::Suspect);
    // In the second stage as well: it slept while the answer came.
    let answered = ms(7_500) + NS;
    assert_eq!(
        late.poll(answered + ms(3_600_000)),
        Judgement::Late(ms(3_600_000))
    );
    assert_eq!(late.next_deadline(), Some(answered + ms(3_603_000)));
}

#[test]
fn the_bound_of_lateness_can_be_set() {
    let mut fixed = Fixed::new(terms().with_lateness(ms(10)), ms(0));
    assert_eq!(fixed.poll(ms(3_011)), Judgement::Late(ms(11)));
    let mut never = Fixed::new(terms().with_lateness(Duration::MAX), ms(0));
    // The end of time, in 584 years, is no overflow.
    let end = Duration::from_nanos(u64::MAX - 1);
    assert_eq!(never.poll(end), Judgement::Suspect);
    assert_eq!(never.next_deadline(), Some(end + ms(500)));
    never.poll(Duration::MAX);
}

#[test]
fn what_was_read_before_the_late_poll_counts() {
    let mut fixed = fixed();
    fixed.on_received(ms(50_000));
    assert_eq!(fixed.poll(ms(50_001)), Judgement::Alive);
    assert_eq!(fixed.next_deadline(), Some(ms(53_000)));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Received,
    Pause,
    Resume,
    Early,
    Due,
    Late,
}

/// Each stage with each input: what is said, and the deadline after it.
#[test]
fn every_stage_with_every_input() {
    use Judgement::{Alive, Silent, Suspect};
    type Outcome = (Option<Judgement>, Option<u64>);
    // The input comes at 3,400 ms (early, due and late polls at their own times).
    let table: &[(&str, In, Outcome)] = &[
        ("listening", In::Received, (None, Some(6_400))),
        ("listening", In::Pause, (None, None)),
        ("listening", In::Resume, (None, Some(3_000))),
        ("listening", In::Early, (Some(Alive), Some(3_000))),
        ("listening", In::Due, (Some(Suspect), Some(3_500))),
        (
            "listening",
            In::Late,
            (Some(Judgement::Late(ms(1_001))), Some(7_001)),
        ),
        ("suspected", In::Received, (None, Some(6_400))),
        ("suspected", In::Pause, (None, None)),
        ("suspected", In::Resume, (None, Some(3_500))),
        ("suspected", In::Early, (Some(Alive), Some(3_500))),
        ("suspected", In::Due, (Some(Silent), None)),
        (
            "suspected",
            In::Late,
            (Some(Judgement::Late(ms(1_001))), Some(7_501)),
        ),
        ("silent", In::Received, (None, Some(6_400))),
        ("silent", In::Pause, (None, None)),
        ("silent", In::Resume, (None, None)),
        ("silent", In::Early, (Some(Silent), None)),
        ("silent", In::Due, (Some(Silent), None)),
        ("silent", In::Late, (Some(Silent), None)),
        ("paused", In::Received, (None, None)),
        ("paused", In::Pause, (None, None)),
        ("paused", In::Resume, (None, Some(6_400))),
        ("paused", In::Early, (Some(Alive), None)),
        ("paused", In::Due, (Some(Alive), None)),
        ("paused", In::Late, (Some(Alive), None)),
    ];
    for &(stage, input, (said, deadline)) in table {
        let mut fixed = fixed();
        if stage != "listening" && stage != "paused" {
            assert_eq!(fixed.poll(ms(3_000)), Suspect);
        }
        match stage {
            // Silent early, so that the same input time serves all stages.
            "silent" => {
                fixed = Fixed::new(terms().with_lateness(Duration::MAX), ms(0));
                fixed.poll(ms(0));
                fixed.poll(ms(3_000));
                assert_eq!(fixed.poll(ms(3_500)), Silent);
            }
            "paused" => fixed.pause(ms(10)),
            _ => {}
        }
        let due = fixed.next_deadline().unwrap_or(ms(3_000));
        let got = match input {
            In::Received => {
                fixed.on_received(ms(3_400));
                None
            }
            In::Pause => {
                fixed.pause(ms(3_400));
                None
            }
            In::Resume => {
                fixed.resume(ms(3_400));
                None
            }
            In::Early => Some(fixed.poll(due - NS)),
            In::Due => Some(fixed.poll(due)),
            In::Late => Some(fixed.poll(due + ms(1_001))),
        };
        assert_eq!(got, said, "{stage}, {input:?}");
        assert_eq!(
            fixed.next_deadline(),
            deadline.map(ms),
            "{stage}, {input:?}"
        );
    }
}

#[test]
fn a_pause_of_a_silent_peer_does_not_bring_it_back_to_life() {
    let mut fixed = fixed();
    fixed.poll(ms(3_000));
    fixed.poll(ms(3_500));
    fixed.pause(ms(3_600));
    fixed.resume(ms(3_700));
    assert_eq!(fixed.poll(ms(3_700)), Judgement::Silent);
    fixed.on_received(ms(3_800));
    assert_eq!(fixed.poll(ms(3_800)), Judgement::Alive);
}

#[test]
fn time_that_goes_back_moves_nothing_back() {
    let mut fixed = Fixed::new(terms(), ms(5_000));
    fixed.on_received(ms(1));
    assert_eq!(fixed.next_deadline(), Some(ms(8_000)));
    assert_eq!(fixed.silent_for(ms(1)), Some(ms(0)));
}

fn any_terms() -> impl Strategy<Value = Terms> {
    (1..100_000u64, 1..=10u8, 0..100_000u64, any::<bool>()).prop_map(|(b, m, c, one_way)| {
        let terms = Terms::new(ms(b), m, ms(c)).unwrap();
        if one_way { terms.one_way() } else { terms }
    })
}

proptest! {
    /// Bytes at most one interval apart: whatever the polls, never even suspected.
    #[test]
    fn nobody_who_keeps_the_promise_is_suspected(
        terms in any_terms(),
        gaps in prop::collection::vec((0..=1_000u64, prop::collection::vec(0..=1_000u64, 0..4)), 1..60),
    ) {
        let mut fixed = Fixed::new(terms, Duration::ZERO);
        let mut now = Duration::ZERO;
        for (permille, polls) in gaps {
            // A beat less than the interval, in thousandths, the last one excluded:
            // with M = 1 the deadline is the beat itself.
            let gap = terms.interval() * u32::try_from(permille).unwrap() / 1_001;
            let mut polls: Vec<_> = polls.iter().map(|&at| gap * u32::try_from(at).unwrap() / 1_000).collect();
            polls.sort();
            for at in polls {
                prop_assert_eq!(fixed.poll(now + at), Judgement::Alive);
            }
            now += gap;
            fixed.on_received(now);
        }
    }

    /// Polled at each deadline, a peer that falls silent is found at exactly
    /// B·M + C, with one suspicion if it can be asked and none if not.
    #[test]
    fn silence_is_found_when_the_terms_say(terms in any_terms(), last in 0..1_000_000u64) {
        let mut fixed = Fixed::new(terms, Duration::ZERO);
        fixed.on_received(ms(last));
        let mut said = Vec::new();
        while let Some(at) = fixed.next_deadline() {
            said.push((at, fixed.poll(at)));
        }
        let end = (ms(last) + terms.detection(), Judgement::Silent);
        if terms.is_one_way() {
            prop_assert_eq!(said, vec![end]);
        } else {
            let suspected = (ms(last) + terms.overdue(), Judgement::Suspect);
            prop_assert_eq!(said, vec![suspected, end]);
        }
    }

    /// Any calls in any order: no panic; deadlines never go back without a stage
    /// that explains it; Silent only after the whole time since the last byte, the
    /// last resume and the last late poll; Suspect once a silence.
    #[test]
    fn whatever_is_called_nobody_dies_early(
        terms in any_terms(),
        calls in prop::collection::vec((0..6u8, 0..200_000u64), 0..120),
    ) {
        let mut fixed = Fixed::new(terms, Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut heard = Duration::ZERO;
        let mut paused = false;
        let mut suspected = false;
        let mut silent = false;
        for (call, step) in calls {
            now += ms(step);
            match call {
                0 => {
                    fixed.on_received(now);
                    if !paused {
                        (heard, suspected, silent) = (now, false, false);
                    }
                }
                1 => {
                    fixed.pause(now);
                    paused |= !silent;
                }
                2 => {
                    fixed.resume(now);
                    if std::mem::take(&mut paused) {
                        (heard, suspected) = (now, false);
                    }
                }
                _ => {
                    if call > 3 && let Some(at) = fixed.next_deadline() {
                        now = now.max(at);
                    }
                    let deadline = fixed.next_deadline();
                    match fixed.poll(now) {
                        Judgement::Alive => prop_assert!(paused || deadline.is_some_and(|at| now < at)),
                        Judgement::Suspect => {
                            prop_assert!(!paused && !suspected && !terms.is_one_way());
                            prop_assert!(now - heard >= terms.overdue());
                            suspected = true;
                        }
                        Judgement::Silent => {
                            prop_assert!(!paused && now - heard >= terms.detection());
                            prop_assert!(suspected || terms.is_one_way());
                            silent = true;
                        }
                        Judgement::Late(by) => {
                            prop_assert_eq!(Some(now - by), deadline);
                            prop_assert!(by > terms.lateness());
                            (heard, suspected) = (now, false);
                        }
                    }
                }
            }
            prop_assert_eq!(fixed.next_deadline().is_none(), paused || silent);
        }
    }
}
