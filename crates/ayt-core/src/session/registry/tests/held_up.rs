//! A server that was held up: stopped, swapped out, its machine asleep.

use proptest::prelude::*;

use super::*;

fn device(n: u64) -> Bytes {
    Bytes::from(n.to_be_bytes().to_vec())
}

/// So many devices are connected and lost, one each `apart`.
fn park(registry: &mut Registry<Fake>, count: u64, apart: Duration) {
    for n in 0..count {
        let now = apart * u32::try_from(n).unwrap();
        pass(registry, now);
        let claim = take(registry.register(now, &device(n), Conn(n)));
        let taken = registry.commit(now, claim, new(1)).unwrap();
        registry.lost(now, &device(n), taken.epoch, Fate::Stays, false);
    }
    events(registry);
}

fn come_back(registry: &mut Registry<Fake>, now: Duration, n: u64) -> bool {
    let wish = Wish {
        session: [1; 16],
        received: 0,
        accepts: Accepts::default(),
        proves: &|_| true,
    };
    match registry.resume(now, &device(n), Conn(1_000 + n), &wish) {
        Answer::Go(claim) => {
            let _ = registry.commit_resume(now, claim, Secret([0; 16])).unwrap();
            true
        }
        _ => false,
    }
}

#[test]
fn a_server_that_was_stopped_for_an_hour_lets_everybody_come_back() {
    let mut registry = registry(Config::default());
    park(&mut registry, 200, S(1));
    let stopped = S(250);
    pass(&mut registry, stopped);
    let wakes = stopped + S(3_600);
    // Whoever comes first after that, the keeper of timers or a connection.
    registry.handle_timeout(wakes);
    assert_eq!(events(&mut registry), []);
    assert_eq!(registry.census().parked, 200);
    // The first has still about the 50 s that it had, and no less.
    pass(&mut registry, wakes + S(49));
    assert_eq!(registry.census().parked, 200);
    for n in 0..100 {
        assert!(come_back(&mut registry, wakes + S(49), n));
    }
    // And nobody has it for ever: the rest is over as much later as it was stopped,
    // and at most a look.
    pass(&mut registry, S(199 + 300) + S(3_600) + S(30));
    assert_eq!(registry.census().parked, 0);
}

#[test]
fn a_stop_in_which_nothing_was_due_does_not_count_either() {
    let mut registry = registry(Config::default());
    park(&mut registry, 1, S(0));
    pass(&mut registry, S(10));
    registry.handle_timeout(S(299));
    pass(&mut registry, S(500));
    assert_eq!(registry.census().parked, 1);
    pass(&mut registry, S(300 + 290 + 30));
    assert_eq!(registry.census().parked, 0);
}

#[test]
fn a_timer_that_is_a_little_late_gives_nothing_away() {
    let mut registry = registry(Config::default());
    park(&mut registry, 1, S(0));
    while let Some(at) = registry.next_deadline() {
        registry.handle_timeout(at + S(1));
        assert!(at <= S(300));
    }
    assert_eq!(registry.census().parked, 0);
}

#[test]
fn who_is_lost_after_a_stop_has_the_whole_time() {
    let mut registry = registry(Config::default());
    park(&mut registry, 1, S(0));
    registry.handle_timeout(S(1_000));
    let claim = take(registry.register(S(1_001), &id(), Conn(7)));
    let taken = registry.commit(S(1_001), claim, new(7)).unwrap();
    registry.lost(S(1_002), &id(), taken.epoch, Fate::Stays, false);
    pass(&mut registry, S(1_002 + 300) - T(1));
    assert_eq!(
        registry.current(&id()).map(|(_, live, _)| live),
        Some(false)
    );
    pass(&mut registry, S(1_002 + 300));
    assert!(registry.current(&id()).is_none());
}

proptest! {
    /// However it is stopped, nobody has less than the time that was promised, of the
    /// time in which the server ran; and nobody more than that, a look and a little
    /// lateness for each stop.
    #[test]
    fn only_time_that_the_server_ran_counts(
        resume_s in 8u64..600, stops in prop::collection::vec((0u64..200_000, 0u64..900_000), 0..6),
    ) {
        let mut registry = registry(Config { resume_for: S(resume_s), ..Config::default() });
        park(&mut registry, 1, S(0));
        let look = (S(resume_s) / 8).clamp(S(1), S(30));
        let (mut now, mut ran, mut given) = (S(0), S(0), S(0));
        for (runs, stands) in stops {
            let (runs, stands) = (T(runs), T(stands));
            pass(&mut registry, now + runs);
            (now, ran) = (now + runs, ran + runs);
            if registry.census().parked == 0 {
                break;
            }
            // It stands still.
            now += stands;
            registry.handle_timeout(now);
            given += look + S(1);
        }
        // What a stop that was not noticed takes away: less than until the next look,
        // and a little lateness.
        let over = registry.census().parked == 0;
        prop_assert!(!over || ran + given >= S(resume_s), "{ran:?}");
        pass(&mut registry, now + S(resume_s) + given);
        prop_assert_eq!(registry.census().parked, 0);
    }
}
