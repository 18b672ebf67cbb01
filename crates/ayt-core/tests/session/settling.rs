//! Sessions that cannot go on: who is told what.

use std::time::Duration;

use ayt_core::session::registry::{Config, Event, Over};

use super::rng::{Rng, for_each_seed};
use super::server::Server;
use super::world::{State, World};

const MESSAGES: u64 = 60;

/// In the midst of a transfer the connection breaks, and the device stays away.
fn broken(seed: u64, away: Duration) -> World {
    let config = Config {
        resume_for: Duration::from_secs(2),
        ..Config::default()
    };
    let mut world = World::new(seed, config, MESSAGES);
    world.run_until("live", |w| matches!(w.device.state, State::Live(_)));
    let time = world.rng.ms(100, 800);
    world.run_for(time);
    let wire = world.wire();
    wire.up.vanish();
    wire.down.vanish();
    world.device.state = State::Away(world.now + away);
    let now = world.now;
    world.device.half.part(now);
    world
}

#[test]
fn an_expired_session_tells_both_sides_both_numbers() {
    for_each_seed(200, |seed| {
        let mut world = broken(seed, Duration::from_secs(60));
        world.run_for(Duration::from_secs(59));
        let server = world.server.sessions[0].clone();
        let over = world.server.told.iter().find_map(|event| match event {
            Event::Over {
                why,
                numbers,
                handle,
                ..
            } => Some((*why, *numbers, handle.clone())),
            _ => None,
        });
        let (why, numbers, handle) = over.expect("it has expired");
        assert_eq!(why, Over::Expired);
        // What is not acknowledged can be had back, whole.
        let (first, messages) = handle.0.borrow().traffic().clone().into_unacknowledged();
        assert_eq!(first, numbers.acknowledged + 1);
        assert_eq!(messages.count() as u64, numbers.unacknowledged());
        let (device, mut arrived) = (world.device.half.program.finished(), 0);
        world.run_until("there again", |w| matches!(w.device.state, State::Live(_)));
        for event in &world.server.told {
            if let Event::Settled { peer_received, .. } = event {
                arrived = *peer_received;
            }
        }
        // The server knows what arrived at the device, at least as much as it had
        // seen acknowledged; and the device the same of the server.
        assert!(arrived >= device && arrived >= numbers.acknowledged);
        let welcome = world.device.welcome.expect("live");
        assert!(!welcome.resumed && welcome.known);
        assert_eq!(welcome.received, server.borrow().program.finished());
        // The device may send the rest again: it does not come out of the old session.
        world.run_for(Duration::from_secs(5));
        assert_eq!(welcome.received, server.borrow().program.finished());
        assert!(server.borrow().traffic().all_handed_over());
    });
}

#[test]
fn a_server_that_restarted_knows_nothing_and_says_so() {
    for_each_seed(50, |seed| {
        let mut world = broken(seed, Duration::from_secs(1));
        world.server = Server::new(Config::default(), MESSAGES, Rng::new(seed + 1));
        world.run_until("there again", |w| matches!(w.device.state, State::Live(_)));
        let welcome = world.device.welcome.expect("live");
        assert!(!welcome.resumed && !welcome.known);
        assert_eq!(welcome.received, 0);
    });
}

#[test]
fn a_session_that_is_resumed_in_time_is_not_over() {
    for_each_seed(50, |seed| {
        // Death comes after at most 2.5 s, and then it is kept for 2 s.
        let mut world = broken(seed, Duration::from_millis(3_500));
        world.run_until("there again", |w| matches!(w.device.state, State::Live(_)));
        assert!(world.device.welcome.is_some_and(|welcome| welcome.resumed));
        let told = &world.server.told;
        assert!(!told.iter().any(|event| matches!(event, Event::Over { .. })));
    });
}
