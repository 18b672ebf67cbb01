use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::session::frame::Bits128;
use crate::session::link::Fate;
use crate::session::traffic::{Accepts, CannotResume, Numbers};

mod held_up;
mod resuming;
mod shared;

const T: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// A session that is only numbers.
#[derive(Debug, Clone, Default)]
struct Fake(Rc<RefCell<State>>);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    cost: u64,
    numbers: Numbers,
}

impl PartialEq for Fake {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Held for Fake {
    fn cost(&self) -> u64 {
        self.0.borrow().cost
    }
    fn numbers(&self) -> Numbers {
        self.0.borrow().numbers
    }
    fn all_handed_over(&self) -> bool {
        let numbers = self.numbers();
        numbers.handed_over == numbers.received
    }
    fn settle(&self) -> Numbers {
        let mut state = self.0.borrow_mut();
        state.numbers.received = state.numbers.handed_over;
        state.numbers
    }
    fn may_resume(&self, received: u64, _: Accepts) -> Result<(), CannotResume> {
        let sent = self.numbers().sent;
        if received > sent {
            return Err(CannotResume::NeverSent { received, sent });
        }
        Ok(())
    }
}

fn registry(config: Config) -> Registry<Fake> {
    Registry::new(config, 0)
}

fn with_policy(policy: Policy) -> Registry<Fake> {
    registry(Config {
        policy,
        ..Config::default()
    })
}

fn id() -> Bytes {
    Bytes::from_static(b"device")
}

fn new(name: u8) -> NewSession<Fake> {
    NewSession {
        name: [name; 16],
        secret: Secret([name + 100; 16]),
        handle: Fake::default(),
        instead_of: None,
    }
}

/// The same for a client that wanted to resume another.
fn new_instead_of(name: u8, old: u8) -> NewSession<Fake> {
    let instead_of = InsteadOf {
        session: [old; 16],
        received: 0,
    };
    NewSession {
        instead_of: Some(instead_of),
        ..new(name)
    }
}

/// Time passes, and whatever is due is done when it is.
fn pass(registry: &mut Registry<Fake>, until: Duration) {
    while let Some(at) = registry.next_deadline().filter(|at| *at <= until) {
        registry.handle_timeout(at);
    }
    registry.handle_timeout(until);
}

fn take(decision: Decision) -> Claim {
    match decision {
        Decision::Take(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn refused(decision: Decision) -> Reason {
    match decision {
        Decision::Refuse(refusal) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

/// Registers with a session of that name; gives the epoch.
fn enter(registry: &mut Registry<Fake>, now: Duration, conn: u64, name: u8) -> Taken<Fake> {
    let claim = take(registry.register(now, &id(), Conn(conn)));
    registry.commit(now, claim, new(name)).unwrap()
}

fn wish(
    registry: &mut Registry<Fake>,
    now: Duration,
    conn: u64,
    (name, secret): (u8, u8),
) -> Answer {
    let proves = |candidate: &Bits128| *candidate == [secret; 16];
    let wish = Wish {
        session: [name; 16],
        received: 0,
        accepts: Accepts::default(),
        proves: &proves,
    };
    registry.resume(now, &id(), Conn(conn), &wish)
}

fn go(answer: Answer) -> Claim {
    match answer {
        Answer::Go(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn events(registry: &mut Registry<Fake>) -> Vec<Event<Fake>> {
    std::iter::from_fn(|| registry.poll_event()).collect()
}

#[test]
fn newest_takes_over_and_the_older_is_drained() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1);
    assert!(!first.held && first.superseded.is_none());
    let second = enter(&mut registry, T(1), 2, 2);
    assert!(second.epoch > first.epoch && second.held);
    assert_eq!(second.superseded, Some(Conn(1)));
    let told = events(&mut registry);
    assert!(matches!(
        told[..],
        [Event::Over {
            why: Over::Superseded,
            ..
        }]
    ));
    assert!(registry.drained(T(2), &id(), first.epoch));
    let released = Event::Released {
        identity: id(),
        epoch: second.epoch,
    };
    assert_eq!(events(&mut registry), [released]);
    assert!(!registry.drained(T(2), &id(), first.epoch), "once");
    assert_eq!(registry.census().timers, 0);
}

#[test]
fn only_one_is_drained_at_a_time() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1);
    let _ = enter(&mut registry, T(1), 2, 2);
    let third = enter(&mut registry, T(2), 3, 3);
    assert_eq!(third.superseded, Some(Conn(2)));
    let displaced = third.displaced.unwrap();
    assert_eq!(
        (displaced.conn, displaced.epoch),
        (Some(Conn(1)), first.epoch)
    );
    assert_eq!(registry.connections(&id()).drain, Some(Conn(2)));
    assert!(!registry.drained(T(3), &id(), first.epoch));
    assert_eq!(registry.census().timers, 1);
}

#[test]
fn a_connection_that_dies_while_an_older_one_is_drained_ends_that_drain() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1);
    let second = enter(&mut registry, T(1), 2, 2);
    events(&mut registry);
    assert!(registry.lost(T(2), &id(), second.epoch, Fate::Stays, true));
    assert_eq!(events(&mut registry), [Event::Cut(Conn(1))]);
    assert_eq!(registry.connections(&id()).drain, Some(Conn(2)));
    // What the older one had brought is still handed over, and told.
    assert!(registry.drained(T(3), &id(), first.epoch));
    assert!(registry.drained(T(3), &id(), second.epoch));
    assert_eq!(registry.connections(&id()), Connections::default());
}

#[test]
fn a_drain_that_nobody_ends_is_cut_at_its_bound() {
    let mut registry = with_policy(Policy::Newest);
    let _ = enter(&mut registry, T(0), 1, 1);
    let second = enter(&mut registry, T(1), 2, 2);
    events(&mut registry);
    assert_eq!(registry.next_deadline(), Some(T(5_001)));
    registry.handle_timeout(T(5_000));
    assert_eq!(events(&mut registry), []);
    registry.handle_timeout(T(5_001));
    let released = Event::Released {
        identity: id(),
        epoch: second.epoch,
    };
    assert_eq!(events(&mut registry), [Event::Cut(Conn(1)), released]);
}

#[test]
fn a_late_own_timer_does_not_cut_a_drain_that_was_not_read() {
    let mut registry = with_policy(Policy::Newest);
    let _ = enter(&mut registry, T(0), 1, 1);
    let _ = enter(&mut registry, T(1), 2, 2);
    events(&mut registry);
    registry.handle_timeout(S(3_600));
    assert_eq!(events(&mut registry), []);
    registry.handle_timeout(S(3_605));
    assert_eq!(events(&mut registry)[0], Event::Cut(Conn(1)));
}

#[test]
fn what_an_ended_session_brought_is_handed_over_first_although_nothing_is_connected() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1);
    let handle = registry.session(&id(), first.epoch).unwrap().clone();
    handle.0.borrow_mut().numbers.received = 3;
    assert!(registry.lost(T(1), &id(), first.epoch, Fate::Stays, false));
    let second = enter(&mut registry, T(2), 2, 2);
    assert!(second.held && second.superseded.is_none());
    assert!(registry.drained(T(3), &id(), first.epoch));
    let told = events(&mut registry);
    assert!(matches!(told.last(), Some(Event::Released { epoch, .. }) if *epoch == second.epoch));
}

#[test]
fn oldest_stays_until_its_end_is_decided() {
    let mut registry = with_policy(Policy::Oldest);
    let first = enter(&mut registry, T(0), 1, 1);
    assert_eq!(
        refused(registry.register(T(1), &id(), Conn(2))),
        Reason::IdentityInUse
    );
    registry.lost(T(2), &id(), first.epoch, Fate::Stays, true);
    let second = enter(&mut registry, T(3), 3, 3);
    assert_eq!(second.superseded, None, "it has had its BYE");
    assert!(second.held, "but is still read");
    assert_eq!(registry.connections(&id()).drain, Some(Conn(1)));
}

#[test]
fn verify_asks_the_older_and_its_answer_decides() {
    for answered in [true, false] {
        let mut registry = with_policy(Policy::Verify);
        let first = enter(&mut registry, T(0), 1, 1);
        let asked = registry.register(T(1), &id(), Conn(2));
        let expected = Decision::Verify {
            ask: Some(Conn(1)),
            epoch: first.epoch,
            refused: None,
        };
        assert_eq!(asked, expected);
        assert!(
            registry
                .verified(T(2), &id(), first.epoch + 1, false)
                .is_none()
        );
        let (conn, decision) = registry
            .verified(T(2), &id(), first.epoch, answered)
            .unwrap();
        assert_eq!(conn, Conn(2));
        if answered {
            assert_eq!(refused(decision), Reason::IdentityInUse);
            assert_eq!(
                registry.connections(&id()).live,
                Some((Conn(1), first.epoch))
            );
        } else {
            let second = registry.commit(T(3), take(decision), new(2)).unwrap();
            assert_eq!(second.superseded, Some(Conn(1)));
        }
        assert_eq!(registry.connections(&id()).waiting, None);
    }
}

#[test]
fn only_the_newest_waits_and_the_older_is_asked_once() {
    let mut registry = with_policy(Policy::Verify);
    let first = enter(&mut registry, T(0), 1, 1);
    let _ = registry.register(T(1), &id(), Conn(2));
    let Decision::Verify { ask, refused, .. } = registry.register(T(2), &id(), Conn(3)) else {
        panic!("waits")
    };
    assert_eq!(ask, None);
    assert_eq!(refused.unwrap().0, Conn(2));
    registry.withdraw(&id(), Conn(2));
    assert_eq!(registry.connections(&id()).waiting, Some(Conn(3)));
    registry.withdraw(&id(), Conn(3));
    assert!(registry.verified(T(3), &id(), first.epoch, false).is_none());
    assert_eq!(registry.census().timers, 0);
}

#[test]
fn who_waits_is_decided_whatever_becomes_of_the_older() {
    // It dies: the one that waits may enter.
    for (fate, draining) in [(Fate::Stays, true), (Fate::Ends, false), (Fate::Ends, true)] {
        let mut registry = with_policy(Policy::Verify);
        let first = enter(&mut registry, T(0), 1, 1);
        let _ = registry.register(T(1), &id(), Conn(2));
        registry.lost(T(2), &id(), first.epoch, fate, draining);
        let Some(Event::Decided { conn, decision }) = events(&mut registry).pop() else {
            panic!("decided")
        };
        assert_eq!(conn, Conn(2));
        assert!(registry.commit(T(2), take(decision), new(2)).is_ok());
    }
    // It is resumed: it lives, so the one that waits is refused.
    let mut registry = with_policy(Policy::Verify);
    let _ = enter(&mut registry, T(0), 1, 1);
    let _ = registry.register(T(1), &id(), Conn(2));
    let claim = go(wish(&mut registry, T(2), 3, (1, 101)));
    let resumed = registry
        .commit_resume(T(2), claim, Secret([7; 16]))
        .unwrap();
    assert_eq!(resumed.cut, Some(Conn(1)));
    let Some(Event::Decided { conn, decision }) = events(&mut registry).pop() else {
        panic!("decided")
    };
    assert_eq!((conn, refused(decision)), (Conn(2), Reason::IdentityInUse));
    // Nobody says what came of it: the older one stays.
    let mut registry = with_policy(Policy::Verify);
    let _ = enter(&mut registry, T(0), 1, 1);
    let _ = registry.register(T(1), &id(), Conn(2));
    registry.handle_timeout(T(15_001));
    let Some(Event::Decided { decision, .. }) = events(&mut registry).pop() else {
        panic!("decided")
    };
    assert_eq!(refused(decision), Reason::IdentityInUse);
}

#[test]
fn a_claim_is_good_for_nothing_once_somebody_was_faster() {
    let mut registry = with_policy(Policy::Newest);
    let slow = take(registry.register(T(0), &id(), Conn(1)));
    let fast = enter(&mut registry, T(1), 2, 2);
    let stale = registry.commit(T(2), slow.clone(), new(1)).unwrap_err();
    assert_eq!(stale.current, fast.epoch);
    assert!(registry.commit_resume(T(2), slow, Secret([0; 16])).is_err());
    assert_eq!(
        registry.connections(&id()).live,
        Some((Conn(2), fast.epoch))
    );
    // The same for a resume that took too long.
    let claim = go(wish(&mut registry, T(3), 3, (2, 102)));
    let _ = enter(&mut registry, T(4), 4, 4);
    assert!(
        registry
            .commit_resume(T(5), claim, Secret([0; 16]))
            .is_err()
    );
}

#[test]
fn what_is_done_in_the_name_of_an_older_epoch_has_no_effect() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1).epoch;
    let second = enter(&mut registry, T(1), 2, 2).epoch;
    let before = (registry.connections(&id()), registry.census());
    events(&mut registry);
    assert!(!registry.lost(T(2), &id(), first, Fate::Ends, false));
    assert!(
        !registry.drained(T(2), &id(), second),
        "the live one is not drained"
    );
    assert_eq!(registry.kick(&id(), first), None);
    registry.heard(&id(), first);
    registry.recharge(T(2), &id(), first);
    assert!(registry.session(&id(), first).is_none());
    assert_eq!((registry.connections(&id()), registry.census()), before);
    assert_eq!(events(&mut registry), []);
    assert_eq!(registry.kick(&id(), second), Some(Conn(2)));
}

#[test]
fn five_takeovers_in_a_minute_are_enough() {
    let mut registry = with_policy(Policy::Newest);
    for n in 0..=5 {
        let _ = enter(&mut registry, S(n), n, 1);
    }
    events(&mut registry);
    for now in [6, 30, 60] {
        let Decision::Refuse(refusal) = registry.register(S(now), &id(), Conn(9)) else {
            panic!("refused")
        };
        assert_eq!(refusal.reason, Reason::Flapping);
        assert_eq!(refusal.retry, Retry::After(60_000));
    }
    let told = events(&mut registry);
    let news = told.iter().filter(|e| **e == Event::Flapping(id())).count();
    assert_eq!(news, 1, "said once");
    // The first of them, at 1 s, is a minute ago; a resume was never refused.
    let _ = go(wish(&mut registry, S(60), 9, (1, 101)));
    let _ = enter(&mut registry, S(61), 9, 1);
    assert_eq!(
        refused(registry.register(S(61), &id(), Conn(9))),
        Reason::Flapping
    );
    assert!(
        events(&mut registry).contains(&Event::Flapping(id())),
        "a new bout"
    );
}

#[test]
fn a_newer_spare_replaces_the_older_and_takes_over_nothing() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1);
    assert_eq!(registry.spare(&id(), Conn(2)), None);
    assert_eq!(registry.spare(&id(), Conn(3)), Some(Conn(2)));
    registry.spare_ended(&id(), Conn(2));
    let connections = registry.connections(&id());
    assert_eq!(connections.spare, Some(Conn(3)));
    assert_eq!(connections.live, Some((Conn(1), first.epoch)));
    registry.lost(T(1), &id(), first.epoch, Fate::Ends, false);
    registry.spare_ended(&id(), Conn(3));
    assert_eq!(registry.census().identities, 0);
}
