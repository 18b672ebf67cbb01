//! Connections that are cut at any byte, in either direction, or both.

use std::cell::Cell;
use std::time::Duration;

use ayt_core::session::link::Event;
use ayt_core::session::registry::Config;

use super::rng::for_each_seed;
use super::world::{State, World};

const MESSAGES: u64 = 60;

/// Everything has arrived, and everybody knows.
fn all_done(world: &World) -> bool {
    let device = &world.device.half;
    let Some(server) = world.server.sessions.last() else {
        return false;
    };
    let server = server.borrow();
    [
        (&device.program, device.traffic()),
        (&server.program, server.traffic()),
    ]
    .iter()
    .all(|(program, traffic)| {
        program.finished() == MESSAGES && program.offered == MESSAGES && traffic.all_acknowledged()
    })
}

#[test]
fn a_thousand_cuts_lose_repeat_and_reorder_nothing() {
    let total = Cell::new((0, 0));
    for_each_seed(1_000, |seed| {
        let mut world = World::new(seed, Config::default(), MESSAGES);
        world.cuts = 1 + seed % 4;
        // Order, content and bounds are checked at every step.
        world.run_until("both sides have everything", all_done);
        assert_eq!(world.server.sessions.len(), 1 + lost_welcomes(&world));
        let resumed = usize::from(world.device.welcome.is_some_and(|w| w.resumed));
        let ended = world
            .device
            .told
            .iter()
            .filter(|e| matches!(e, Event::Closed(_)));
        let (a, b) = total.get();
        total.set((a + resumed, b + ended.count()));
    });
    let (resumes, broken) = total.get();
    if std::env::var_os("AYT_SEED").is_none() {
        assert!(
            resumes > 700 && broken > 1_000,
            "{resumes} resumes, {broken} cuts"
        );
    }
}

/// Sessions whose very first WELCOME was lost: nobody ever sent anything on them.
fn lost_welcomes(world: &World) -> usize {
    let (_, before) = world.server.sessions.split_last().expect("one at least");
    for session in before {
        let numbers = session.borrow().traffic().numbers();
        assert_eq!((numbers.received, numbers.acknowledged), (0, 0));
    }
    before.len()
}

#[test]
fn a_lost_welcome_leaves_the_secret_before_valid() {
    for_each_seed(50, |seed| {
        let mut world = World::new(seed, Config::default(), MESSAGES);
        world.run_until("live", |w| matches!(w.device.state, State::Live(_)));
        world.run_for(Duration::from_millis(300));
        for _ in 0..3 {
            // The connection breaks, and WELCOME is lost on the next one.
            let wire = world.wire();
            wire.up.vanish();
            wire.down.vanish();
            world.run_until("tries again", |w| {
                matches!(w.device.state, State::Registering(..)) && w.device.proved
            });
            world.wire().down.vanish();
            world.run_until("gives up", |w| matches!(w.device.state, State::Away(_)));
            world.run_until("live again", |w| matches!(w.device.state, State::Live(_)));
            assert!(world.device.welcome.is_some_and(|welcome| welcome.resumed));
        }
        world.run_until("both sides have everything", all_done);
        assert_eq!(world.server.sessions.len(), 1);
    });
}

#[test]
fn a_program_that_crashes_between_two_takes_gets_the_message_again() {
    for_each_seed(200, |seed| {
        let mut world = World::new(seed, Config::default(), MESSAGES);
        for _ in 0..3 {
            world.run_until("it has one in hand", |world| {
                world.device.half.program.in_hand || all_done(world)
            });
            if all_done(&world) {
                break;
            }
            // It works on that one for long: whatever could be acknowledged, is.
            world.taking = false;
            world.run_for(Duration::from_secs(1));
            world.taking = true;
            let taken = world.device.half.program.taken;
            let now = world.now;
            world.device.half.crash(now);
            // The server has not been told that it was finished.
            let acknowledged = {
                let server = world.server.sessions[0].borrow();
                server.traffic().numbers().acknowledged
            };
            assert_eq!(acknowledged, taken - 1);
            world.wire().up.vanish();
            world.device.state = State::Away(now);
            world.run_until("it is there again", |world| {
                world.device.half.program.taken >= taken || all_done(world)
            });
        }
        world.run_until("both sides have everything", all_done);
    });
}
