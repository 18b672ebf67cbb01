//! The supervisor beside a map that knows everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What the model knows of a session: all times exact.
#[derive(Debug, Clone, Copy)]
struct Known {
    terms: Terms,
    heard: Duration,
    suspected: Option<Duration>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Watched,
    Paused,
    Silent,
}

impl Known {
    fn deadline(&self) -> Option<Duration> {
        if self.state != State::Watched {
            return None;
        }
        Some(match self.suspected {
            Some(at) => at + self.terms.challenge(),
            None if self.terms.is_one_way() => self.heard + self.terms.detection(),
            None => self.heard + self.terms.overdue(),
        })
    }

    fn restart(&mut self, now: Duration) {
        (self.heard, self.suspected) = (now, None);
    }
}

#[derive(Debug, Clone)]
enum Call {
    Insert {
        interval: u64,
        misses: u8,
        challenge: u64,
        one_way: bool,
    },
    Remove(u32),
    Received(u32),
    Pause(u32),
    Resume(u32),
    Advance,
    ToDeadline,
}

fn call() -> impl Strategy<Value = Call> {
    let pick = any::<u32>();
    prop_oneof![
        3 => (1..40_000u64, 1..=10u8, 0..20_000u64, any::<bool>()).prop_map(
            |(interval, misses, challenge, one_way)| Call::Insert { interval, misses, challenge, one_way }
        ),
        2 => (1..50u64, 1..=3u8, 0..50u64, any::<bool>()).prop_map(
            |(interval, misses, challenge, one_way)| Call::Insert { interval, misses, challenge, one_way }
        ),
        1 => pick.prop_map(Call::Remove),
        6 => pick.prop_map(Call::Received),
        1 => pick.prop_map(Call::Pause),
        1 => pick.prop_map(Call::Resume),
        4 => Just(Call::Advance),
        6 => Just(Call::ToDeadline),
    ]
}

/// Steps in microseconds: mostly short, now and then a sleep.
fn step() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0..300_000u64,
        4 => 0..5_000u64,
        1 => 0..10_000_000_000u64,
        1 => Just(40 * 86_400_000_000u64),
    ]
}

proptest! {
    /// Nothing early, nothing lost, nothing twice, nothing of the removed, late by
    /// at most a tick, and after a sleep nobody.
    #[test]
    fn it_agrees_with_a_map(
        calls in prop::collection::vec((call(), step()), 0..250),
        tick in prop_oneof![Just(1u64), Just(10), Just(100), 1..10_000u64],
        batch in prop_oneof![Just(65_536usize), 1..4usize],
        origin in prop_oneof![Just(0u64), Just((1 << 32) - 20_000), 0..1u64 << 40],
    ) {
        let settings = Settings { tick: ms(tick), batch, ..Settings::default() };
        let mut all = Supervisor::new(&settings);
        let mut model: BTreeMap<Key, Known> = BTreeMap::new();
        let mut gone: Vec<Key> = Vec::new();
        let mut now = ms(origin);
        let mut owed = Duration::ZERO;
        for (call, step) in calls {
            now += Duration::from_micros(step);
            let mut advance = false;
            match call {
                Call::Advance => advance = true,
                Call::ToDeadline => {
                    advance = true;
                    if let Some(at) = all.next_deadline() {
                        now = now.max(at);
                    }
                }
                _ => {}
            }
            // Does this call find that it is late? Pausing and removing do not look.
            let looks = !matches!(call, Call::Remove(_) | Call::Pause(_));
            let pick = match call {
                Call::Remove(n) | Call::Received(n) | Call::Pause(n) | Call::Resume(n) => {
                    model.keys().nth(n as usize % model.len().max(1)).copied()
                }
                _ => None,
            };
            let idle = matches!(call, Call::Received(_) | Call::Resume(_)) && pick.is_none();
            let resumes_nothing = matches!(call, Call::Resume(_))
                && pick.is_some_and(|key| model[&key].state == State::Watched);
            let looks = looks && !idle && !resumes_nothing;
            if looks && let Some(at) = all.next_deadline() {
                let late = ms(whole_ms(now)).saturating_sub(at);
                if late > settings.lateness {
                    owed += late;
                    for known in model.values_mut().filter(|known| known.state == State::Watched) {
                        known.restart(now);
                    }
                }
            }
            match (call, pick) {
                (Call::Insert { interval, misses, challenge, one_way }, _) => {
                    let agreed = terms(interval, misses, challenge);
                    let agreed = if one_way { agreed.one_way() } else { agreed };
                    let key = all.insert(&agreed, now).unwrap();
                    let known = Known { terms: agreed, heard: now, suspected: None, state: State::Watched };
                    prop_assert!(model.insert(key, known).is_none());
                    prop_assert!(!gone.contains(&key));
                }
                (Call::Remove(_), Some(key)) => {
                    prop_assert!(all.remove(key));
                    model.remove(&key);
                    gone.push(key);
                }
                (Call::Received(_), Some(key)) => {
                    prop_assert!(all.on_received(key, now));
                    let known = model.get_mut(&key).unwrap();
                    if known.state == State::Watched {
                        known.restart(now);
                    }
                }
                (Call::Pause(_), Some(key)) => {
                    let known = model.get_mut(&key).unwrap();
                    prop_assert_eq!(all.pause(key), known.state != State::Silent);
                    if known.state == State::Watched {
                        known.state = State::Paused;
                    }
                }
                (Call::Resume(_), Some(key)) => {
                    prop_assert!(all.resume(key, now));
                    let known = model.get_mut(&key).unwrap();
                    if known.state != State::Watched {
                        known.state = State::Watched;
                        known.restart(now);
                    }
                }
                _ => {}
            }
            if looks && let Some(&key) = gone.last() {
                prop_assert!(!all.on_received(key, now));
            }
            prop_assert_eq!(all.len(), model.len());
            let watched = model.values().any(|known| known.state == State::Watched);
            prop_assert_eq!(all.next_deadline().is_some(), watched);
            if !advance {
                continue;
            }
            let mut late = Duration::ZERO;
            loop {
                let mut due = Vec::new();
                let advanced = all.advance(now, |key, what| due.push((key, what)));
                prop_assert!(due.len() <= batch);
                late += advanced.late.unwrap_or_default();
                for (key, what) in due {
                    let known = model.get_mut(&key).expect("a session that is there");
                    let deadline = known.deadline().expect("a session that is watched");
                    prop_assert!(now >= deadline, "{:?} early: {:?} before {:?}", key, now, deadline);
                    match what {
                        Overdue::Suspect => {
                            prop_assert!(known.suspected.is_none() && !known.terms.is_one_way());
                            known.suspected = Some(now);
                        }
                        Overdue::Silent => {
                            prop_assert!(known.suspected.is_some() || known.terms.is_one_way());
                            known.state = State::Silent;
                        }
                    }
                }
                if !advanced.more {
                    break;
                }
            }
            prop_assert_eq!(late, std::mem::take(&mut owed));
            // All that could be due is: what is left is due after the last whole tick.
            // A sleep shifts the ticks, so allow for a whole one.
            for known in model.values() {
                if let Some(deadline) = known.deadline() {
                    let asked_now = known.suspected == Some(now);
                    prop_assert!(asked_now || deadline + ms(tick) > now, "{:?} at {:?}", known, now);
                }
            }
            if let Some(at) = all.next_deadline() {
                prop_assert!(at > now || at + ms(tick) > now);
            }
        }
    }
}
