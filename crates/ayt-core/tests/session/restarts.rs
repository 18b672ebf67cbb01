//! A device that restarts again and again, and leaves a ghost each time.

use std::time::Duration;

use ayt_core::session::registry::{Config, Event, FlapLimit, Over, Policy};

use super::half::DEADLINE;
use super::rng::for_each_seed;
use super::world::{State, World};

/// At most one live connection and one drain is checked at every step.
fn restart_a_thousand_times(seed: u64, config: Config, apart_ms: u64) -> World {
    let mut world = World::new(seed, config, 20);
    world.latency = (0, apart_ms / 4);
    for _ in 0..1_000 {
        let time = world.rng.ms(0, apart_ms);
        world.run_for(time);
        world.restart_device();
        let census = world.server.registry.census();
        assert!(census.identities <= 1 && census.timers <= 2 && census.parked <= 1);
    }
    world.run_until("its last session is complete", |world| {
        matches!(world.device.state, State::Live(_))
            && world.device.half.program.finished() == 20
            && world.device.half.traffic().all_acknowledged()
    });
    world
}

#[test]
fn with_newest_each_takes_over_from_the_one_before() {
    for_each_seed(3, |seed| {
        let flap = FlapLimit {
            takeovers: 10_000,
            ..FlapLimit::default()
        };
        let world = restart_a_thousand_times(
            seed,
            Config {
                flap,
                ..Config::default()
            },
            400,
        );
        let sessions = world.server.sessions.len();
        assert!(sessions > 500, "{sessions} sessions");
        let over = world.server.told.iter().filter(|event| {
            matches!(
                event,
                Event::Over {
                    why: Over::Superseded,
                    ..
                }
            )
        });
        assert_eq!(over.count(), sessions - 1);
    });
}

#[test]
fn flapping_is_refused_and_told_and_ends_by_itself() {
    for_each_seed(3, |seed| {
        let world = restart_a_thousand_times(seed, Config::default(), 400);
        let told = &world.server.told;
        let bouts = told
            .iter()
            .filter(|event| matches!(event, Event::Flapping(_)));
        let bouts = bouts.count();
        assert!((1..=10).contains(&bouts), "{bouts} bouts in some 200 s");
        let takeovers = &world.server.takeovers;
        assert!(takeovers.len() >= 10, "{}", takeovers.len());
        for six in takeovers.windows(6) {
            assert!(six[5] - six[0] >= Duration::from_secs(60), "{six:?}");
        }
    });
}

#[test]
fn with_oldest_and_verify_the_ghost_is_found_and_the_device_gets_in() {
    for policy in [Policy::Oldest, Policy::Verify] {
        for_each_seed(3, |seed| {
            let config = Config {
                policy,
                challenge: Duration::from_millis(500),
                ..Config::default()
            };
            restart_a_thousand_times(seed, config, 400);
        });
    }
}

#[test]
fn a_thousand_restarts_within_one_heartbeat_leave_one_session_and_one_drain() {
    for_each_seed(5, |seed| {
        let flap = FlapLimit {
            takeovers: 10_000,
            ..FlapLimit::default()
        };
        let config = Config {
            flap,
            ..Config::default()
        };
        let world = restart_a_thousand_times(seed, config, 4);
        let takeovers = &world.server.takeovers;
        let (first, last) = (takeovers[0], takeovers[takeovers.len() - 1]);
        assert!(takeovers.len() > 200, "{}", takeovers.len());
        assert!(last - first < DEADLINE, "no ghost was found dead meanwhile");
        // Of all these nothing is left but the last.
        assert!(world.server.peers.len() <= 2);
    });
}
