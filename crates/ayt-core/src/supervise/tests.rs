//! What a supervisor says, and when.

mod model;

use super::*;
use crate::detectors::{Detector, Fixed, Judgement};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn terms(interval: u64, misses: u8, challenge: u64) -> Terms {
    Terms::new(ms(interval), misses, ms(challenge)).unwrap()
}

fn with_tick(tick: u64) -> Supervisor {
    Supervisor::new(&Settings {
        tick: ms(tick),
        ..Settings::default()
    })
}

fn due(supervisor: &mut Supervisor, now: Duration) -> Vec<(Key, Overdue)> {
    let mut due = Vec::new();
    let advanced = supervisor.advance(now, |key, what| due.push((key, what)));
    assert_eq!(advanced, Advanced::default());
    due
}

#[test]
fn a_silent_session_is_suspected_asked_and_given_up() {
    let mut all = with_tick(100);
    let key = all.insert(&terms(1_000, 3, 500), ms(50)).unwrap();
    assert_eq!(all.next_deadline(), Some(ms(3_100)));
    assert_eq!(due(&mut all, ms(3_099)), []);
    assert_eq!(due(&mut all, ms(3_100)), [(key, Overdue::Suspect)]);
    assert_eq!(all.next_deadline(), Some(ms(3_600)));
    assert_eq!(due(&mut all, ms(3_599)), []);
    assert_eq!(due(&mut all, ms(3_600)), [(key, Overdue::Silent)]);
    assert_eq!(all.next_deadline(), None);
    assert!(!all.pause(key));
    assert!(all.remove(key));
    assert!(!all.remove(key) && !all.on_received(key, ms(3_600)));
    assert!(!all.pause(key) && !all.resume(key, ms(3_600)));
    assert_eq!(all.silent_for(key, ms(3_600)), None);
    assert!(all.is_empty());
}

#[test]
fn an_answer_in_the_same_millisecond_as_the_question_counts() {
    let mut all = with_tick(10);
    let key = all.insert(&terms(1_000, 1, 500), ms(0)).unwrap();
    assert_eq!(due(&mut all, ms(1_000)), [(key, Overdue::Suspect)]);
    assert!(all.on_received(key, ms(1_000)));
    assert_eq!(due(&mut all, ms(1_500)), []);
    assert_eq!(due(&mut all, ms(2_000)), [(key, Overdue::Suspect)]);
}

#[test]
fn nothing_is_due_a_nanosecond_early() {
    let nano = Duration::from_nanos(1);
    let mut all = with_tick(1);
    let key = all.insert(&terms(1_000, 1, 500), nano).unwrap();
    // 1,000.000001 ms is the deadline; the first whole tick after it is due.
    assert_eq!(due(&mut all, ms(1_000)), []);
    assert_eq!(due(&mut all, ms(1_001) - nano), []);
    assert_eq!(due(&mut all, ms(1_001)), [(key, Overdue::Suspect)]);
}

#[test]
fn one_way_sessions_are_only_given_up() {
    let mut all = with_tick(100);
    let key = all.insert(&terms(1_000, 3, 500).one_way(), ms(0)).unwrap();
    assert_eq!(due(&mut all, ms(3_000)), []);
    assert_eq!(due(&mut all, ms(3_500)), [(key, Overdue::Silent)]);
}

#[test]
fn a_pause_does_not_count_and_ends_with_a_new_silence() {
    let mut all = with_tick(100);
    let key = all.insert(&terms(1_000, 2, 500), ms(0)).unwrap();
    assert!(all.pause(key) && all.pause(key));
    assert_eq!(
        (all.next_deadline(), all.silent_for(key, ms(9))),
        (None, None)
    );
    // Nobody had to call for an hour: that is not late.
    assert!(all.resume(key, ms(3_600_000)));
    assert_eq!(all.next_deadline(), Some(ms(3_602_000)));
    assert_eq!(all.silent_for(key, ms(3_600_007)), Some(ms(7)));
    assert_eq!(due(&mut all, ms(3_602_000)), [(key, Overdue::Suspect)]);
    assert_eq!(due(&mut all, ms(3_602_500)), [(key, Overdue::Silent)]);
    assert!(all.resume(key, ms(3_602_600)));
    assert_eq!(due(&mut all, ms(3_604_600)), [(key, Overdue::Suspect)]);
}

#[test]
fn after_a_long_sleep_nobody_is_dead() {
    for reads_first in [false, true] {
        let mut all = with_tick(100);
        let keys: Vec<_> = (0..1_000)
            .map(|n| all.insert(&terms(1_000, 30 / 10, 500), ms(n)).unwrap())
            .collect();
        due(&mut all, ms(1_000));
        // The eldest is asked, and then the machine sleeps for a month.
        assert_eq!(due(&mut all, ms(3_000)), [(keys[0], Overdue::Suspect)]);
        let woken = ms(3_000) + Duration::from_secs(30 * 86_400);
        if reads_first {
            assert!(all.on_received(keys[7], woken));
        }
        let mut called = 0;
        let advanced = all.advance(woken, |_, _| called += 1);
        assert_eq!(called, 0);
        let asleep = woken - ms(3_100);
        assert_eq!(advanced.late, Some(asleep), "it was to be called at 3.1 s");
        // From now on all of them have their whole time again.
        let mut at = woken;
        let mut suspects = 0;
        while suspects < 1_000 {
            at = all.next_deadline().unwrap();
            for (_, what) in due(&mut all, at) {
                assert_eq!(what, Overdue::Suspect);
                assert!(at >= woken + ms(3_000), "{at:?}");
                suspects += 1;
            }
        }
        assert!(at <= woken + ms(3_100), "{at:?}");
    }
}

#[test]
fn lateness_within_the_bound_judges() {
    let mut all = with_tick(100);
    let key = all.insert(&terms(1_000, 3, 500), ms(0)).unwrap();
    assert_eq!(due(&mut all, ms(4_000)), [(key, Overdue::Suspect)]);
    // Asked at 4.0 s, it has until 4.5 s.
    assert_eq!(due(&mut all, ms(4_400)), []);
    let advanced = all.advance(ms(5_501), |_, _| panic!("late"));
    assert_eq!(advanced.late, Some(ms(1_001)));
}

#[test]
fn a_full_batch_says_so_and_goes_on() {
    let mut all = Supervisor::new(&Settings {
        batch: 10,
        ..Settings::default()
    });
    for _ in 0..35 {
        all.insert(&terms(1_000, 1, 500), ms(0)).unwrap();
    }
    let mut calls = Vec::new();
    loop {
        let mut count = 0;
        let advanced = all.advance(ms(1_000), |_, _| count += 1);
        calls.push(count);
        if !advanced.more {
            break;
        }
    }
    assert_eq!(calls, [10, 10, 10, 5]);
}

#[test]
fn what_comes_during_a_minute_has_its_turns_during_a_minute() {
    let mut all = Supervisor::new(&Settings {
        batch: 6,
        ..Settings::default()
    });
    for n in 0..3_000 {
        all.insert(&terms(3_600_000, 1, 500), ms(n * 20)).unwrap();
    }
    while let Some(at) = all.next_deadline().filter(|&at| at < ms(3_000_000)) {
        assert_eq!(due(&mut all, at), [], "more than six turns at {at:?}");
    }
}

#[test]
fn the_number_of_sessions_is_bounded() {
    let mut all = Supervisor::new(&Settings {
        most: 2,
        ..Settings::default()
    });
    let first = all.insert(&terms(1, 1, 1), ms(0)).unwrap();
    all.insert(&terms(1, 1, 1), ms(0)).unwrap();
    assert_eq!(all.insert(&terms(1, 1, 1), ms(0)), Err(Full { most: 2 }));
    all.remove(first);
    let third = all.insert(&terms(1, 1, 1), ms(0)).unwrap();
    assert_ne!(first, third);
    assert!(!all.on_received(first, ms(1)) && all.on_received(third, ms(1)));
}

#[test]
fn odd_settings_are_brought_into_range() {
    for (tick, got) in [
        (ms(0), 1),
        (Duration::MAX, 10_000),
        (Duration::from_micros(1_500), 2),
    ] {
        let all = Supervisor::with_capacity(
            &Settings {
                tick,
                batch: 0,
                most: 5,
                lateness: Duration::MAX,
            },
            usize::MAX,
        );
        assert_eq!(all.tick(), ms(got));
    }
    assert_eq!(Settings::for_interval(ms(1_999)).tick, ms(10));
    assert_eq!(Settings::for_interval(ms(2_000)), Settings::default());
    // The end of time is no overflow.
    let mut all = Supervisor::new(&Settings::default());
    let key = all.insert(&terms(1, 1, 1), Duration::MAX).unwrap();
    all.advance(Duration::MAX, |_, _| {});
    assert!(all.remove(key));
}

#[test]
fn memory_is_bounded_by_the_sessions_and_not_by_their_changes() {
    let mut all = with_tick(10);
    let long = terms(3_600_000, 10, 1_000);
    let mut keys: Vec<_> = (0..1_000)
        .map(|_| all.insert(&long, ms(0)).unwrap())
        .collect();
    let before = all.bytes();
    for round in 0..200 {
        for key in &mut keys {
            assert!(all.remove(*key));
            let terms = if round % 2 == 0 { terms(5, 1, 5) } else { long };
            *key = all.insert(&terms, ms(round)).unwrap();
        }
    }
    assert!(
        all.bytes() <= before + 64 * 1024,
        "{before} -> {}",
        all.bytes()
    );
}

#[test]
fn a_session_takes_less_than_64_bytes_at_any_size() {
    let fixed = with_tick(100).bytes();
    let mut all = with_tick(100);
    for n in 1..=70_000u64 {
        all.insert(&terms(30_000, 2, 5_000), ms(n)).unwrap();
        // While the wheel is sparse, a tick with a turn costs 32 bytes.
        let held = (all.bytes() - fixed) as u64;
        assert!(held <= 64 * n + 64 * 1_024, "{held} at {n}");
    }
}

/// Driven at its deadlines, the supervisor says what a [`Fixed`] says, at the same
/// times: with a tick of a millisecond to the millisecond.
#[test]
fn it_judges_as_fixed_does() {
    let mut seed = 7u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for _ in 0..300 {
        let agreed = terms(1 + random(5_000), 1 + random(10) as u8, random(5_000));
        let agreed = if random(3) == 0 {
            agreed.one_way()
        } else {
            agreed
        };
        let agreed = agreed.with_lateness(ms(1_000));
        let mut all = with_tick(1);
        let mut now = ms(random(1 << 33));
        let key = all.insert(&agreed, now).unwrap();
        let mut fixed = Fixed::new(agreed, now);
        for _ in 0..50 {
            let soon = now + ms(random(500));
            if random(4) == 0 && fixed.next_deadline().is_none_or(|at| soon < at) {
                now = soon;
                while let Some(turn) = all.next_deadline().filter(|&turn| turn < now) {
                    assert_eq!(due(&mut all, turn), []);
                }
                all.on_received(key, now);
                // A byte brings a `Fixed` back to life; here somebody has to say so.
                all.resume(key, now);
                fixed.on_received(now);
                continue;
            }
            let Some(at) = fixed.next_deadline() else {
                continue;
            };
            // Turns on the way to it, and then it.
            while let Some(turn) = all.next_deadline().filter(|&turn| turn < at) {
                assert_eq!(due(&mut all, turn.max(now)), []);
            }
            now = now.max(at);
            let said = match fixed.poll(now) {
                Judgement::Suspect => vec![(key, Overdue::Suspect)],
                Judgement::Silent => vec![(key, Overdue::Silent)],
                Judgement::Alive | Judgement::Late(_) => vec![],
            };
            assert!(!said.is_empty());
            if agreed.challenge().is_zero() && said[0].1 == Overdue::Silent {
                // The next tick: a turn is never in the one that is under way.
                now += ms(1);
            }
            assert_eq!(due(&mut all, now), said, "{agreed:?} at {now:?}");
        }
    }
}
