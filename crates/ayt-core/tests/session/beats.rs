//! Heartbeats that come late: just inside the deadline, and just outside.

use std::time::Duration;

use ayt_core::session::link::{Event, Timer};
use ayt_core::session::registry::Config;

use super::half::{CHALLENGE, DEADLINE, DRAIN};
use super::rng::for_each_seed;
use super::server::identity;
use super::world::{State, World};

const MS: Duration = Duration::from_millis(1);

fn live(seed: u64) -> World {
    let mut world = World::new(seed, Config::default(), 0);
    world.run_until("live", |w| matches!(w.device.state, State::Live(_)));
    let time = world.rng.ms(100, 3_000);
    world.run_for(time);
    world
}

/// When the server would declare the device dead, were nothing heard from now on.
fn death(world: &World) -> Duration {
    let session = &world.server.sessions[0];
    let mut session = session.borrow_mut();
    let link = session.link().expect("connected");
    let suspicion = link.deadline(Timer::Detect).expect("it is watched");
    assert!(suspicion + CHALLENGE <= world.now + DEADLINE);
    suspicion + CHALLENGE
}

fn ended(world: &World) -> bool {
    let told = &world.server.link_events;
    told.iter()
        .any(|(_, event)| matches!(event, Event::Ending(_)))
}

#[test]
fn whatever_comes_inside_the_deadline_nobody_dies() {
    for_each_seed(300, |seed| {
        let mut world = live(seed);
        for _ in 0..5 {
            let until = death(&world) - world.rng.ms(1, 300);
            world.wire().up.stall_until(until);
            world.run_for(Duration::from_secs(4));
        }
        assert!(!ended(&world), "{:?}", world.server.link_events);
        assert_eq!(world.server.sessions.len(), 1);
        // Late enough to be suspected, and then heard.
        let count = |wanted: &Event| {
            let told = world.server.link_events.iter();
            told.filter(|(_, event)| event == wanted).count()
        };
        assert_eq!(count(&Event::Suspect), 5);
        assert_eq!(count(&Event::Recovered), 5);
    });
}

#[test]
fn what_comes_outside_the_deadline_is_delivered_by_the_drain() {
    for_each_seed(300, |seed| {
        let mut world = live(seed);
        let death = death(&world);
        let late = world.rng.ms(1, 2_000);
        let wire = world.wire();
        wire.up.stall_until(death + late);
        // The device learns nothing: it does not come back meanwhile.
        wire.down.vanish();
        world.device.half.program.total = 3;
        world.run_until("dead", ended);
        assert!(world.now >= death && world.now <= death + MS);
        assert_eq!(world.server.sessions[0].borrow().program.taken, 0);
        world.run_until("delivered", |world| {
            world.server.sessions[0].borrow().program.finished() == 3
        });
        assert!(world.now < death + DRAIN);
        let connections = world.server.registry.connections(&identity());
        assert_eq!(connections.live, None, "by the drain, not by a resume");
        // It costs a reconnect, never data; and nothing comes twice.
        world.run_until("acknowledged after the resume", |world| {
            world.device.half.traffic().all_acknowledged()
        });
        assert!(world.device.welcome.is_some_and(|welcome| welcome.resumed));
        assert_eq!(world.server.sessions[0].borrow().program.taken, 3);
    });
}

#[test]
fn a_device_that_is_told_it_was_late_resumes_and_loses_nothing() {
    for_each_seed(300, |seed| {
        let mut world = live(seed);
        let until = death(&world) + world.rng.ms(1, 10_000);
        world.wire().up.stall_until(until);
        world.device.half.program.total = 3;
        world.run_until("dead", ended);
        world.run_until("acknowledged", |world| {
            world.device.half.traffic().all_acknowledged() && world.device.half.program.offered == 3
        });
        assert_eq!(world.server.sessions.len(), 1);
    });
}

#[test]
fn a_server_that_was_stopped_accuses_nobody() {
    for_each_seed(100, |seed| {
        let mut world = live(seed);
        world.device.half.program.total = 3;
        // Stopped for longer than any deadline; what the device sent waits.
        let stop = world.rng.ms(4_000, 600_000);
        world.now += stop;
        world.run_for(Duration::from_secs(10));
        assert!(!ended(&world), "{:?}", world.server.link_events);
        assert_eq!(world.server.sessions[0].borrow().program.finished(), 3);
    });
}

#[test]
fn two_programs_that_only_send_do_not_lock_each_other_or_look_dead() {
    for_each_seed(50, |seed| {
        let mut world = World::new(seed, Config::default(), 60);
        world.taking = false;
        world.run_until("live", |w| matches!(w.device.state, State::Live(_)));
        // Both are full, and neither is heard but for its heartbeats. That what
        // waits is bounded is checked at every step.
        world.run_for(Duration::from_secs(120));
        assert!(!ended(&world), "{:?}", world.server.link_events);
        let full = |offered| assert!((4..60).contains(&offered), "{offered} offered");
        full(world.device.half.program.offered);
        full(world.server.sessions[0].borrow().program.offered);
        world.taking = true;
        world.run_until("both sides have everything", |world| {
            world.device.half.program.finished() == 60
                && world.server.sessions[0].borrow().program.finished() == 60
        });
        assert!(!ended(&world));
    });
}
